"""Answer JupyterLab's requests for figures of this server: the remaining time, the memory, the
GPUs, and the free space in the home.

Figures that can take long to read (the GPUs and the free space) are read in threads. Even if many
pages are open, the server reads these figures only once in 10 or 60 seconds. If a file server does
not answer, pages get the last known free space.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from . import cgroup
from .cache_slow_figure import Kept
from .gpu_use import gpus
from .home_space import room_of


def home_of_user() -> dict[str, Any] | None:
    """Return the free space in the user's home, as a dictionary for the JSON answer. If the free
    space is not known, return None."""
    room = room_of(Path(os.environ["HOME"]))
    return room.as_dict() if room else None


HOME, GPUS = Kept(home_of_user, 60), Kept(gpus, 10)


class FiguresHandler(APIHandler):
    """Handle GET requests: return the server's figures (remaining time, memory, GPUs, free space)
    as JSON. JupyterLab repeats its request for the figures while its page is visible."""

    auth_resource = "sitekit"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        used = cgroup.memory()
        cap = os.environ.get("MEM_LIMIT", "")
        end = os.environ.get("JUPYTERHUB_SITEKIT_END", "")
        limit = used.limit or (int(cap) if cap.isdigit() else None)
        told = {
            "time": max(0, int(end) - round(time.time())) if end.isdigit() else None,
            "memory": {"used": used.used, "limit": limit, "peak": used.peak},
            "gpus": await GPUS.value(),
            "home": await HOME.value(),
            "pages": self.settings.get("sitekit", {}).get("pages", {}),
        }
        self.finish(json.dumps(told))
