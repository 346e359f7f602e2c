"""Answer JupyterLab's requests for the figures of this server: time, memory, GPUs, and home.

The figures that can take long are read in threads, each at most once in some seconds, however many
pages are open. While a file server does not answer, pages get the last figure of the home.
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
from .gpus import gpus
from .home_space import room_of
from .kept_figure import Kept


def home_of_user() -> dict[str, Any] | None:
    """Return the room in the user's home, as JSON types."""
    room = room_of(Path(os.environ["HOME"]))
    return room.as_dict() if room else None


HOME, GPUS = Kept(home_of_user, 60), Kept(gpus, 10)


class FiguresHandler(APIHandler):
    """Handle GET: return the figures as JSON. JupyterLab asks while its page is visible."""

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
