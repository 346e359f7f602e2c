"""Decide which requests and kernels count as a server's activity (a Jupyter Server extension).

The extension also sends several values to JupyterLab: when the idle server will be stopped, when
the server's job ends, the messages for the participants of a course, and the figures of the status
bar.

JupyterHub's culler uses the time of the last activity that the server reports. By Jupyter Server's
own rules, a server with an open browser window is never idle, because JupyterLab requests lists
every few seconds. In contrast, a kernel that computes without output is idle by these rules
(jupyterhub-idle-culler#43). In sitekit, requests that only read do not count as activity. A busy
kernel counts as activity if the tier's setting `busy` is `keep`, which is the default. JupyterLab
reports when the user types or clicks.
"""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timezone
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.ioloop import PeriodicCallback

from ..figures import cgroup
from ..figures.figures_for_jupyterlab import FiguresHandler
from ..figures.killed_kernels import notebooks
from ..figures.time_left import notice

EVERY = 15  # seconds between checks of the kernels
READS = ("GET", "HEAD", "OPTIONS")
# after each request for its lists, JupyterLab stores its layout by itself
UPKEEP = re.compile(r"/lab/api/workspaces(/|$)")


def note_busy_kernels(settings: dict[str, Any]) -> None:
    """Record that the server is active now, if one of its kernels is busy.

    Jupyter Server uses the latest `*_last_activity` of its settings.
    """
    kernels = settings["kernel_manager"]
    states = [
        getattr(kernels.get_kernel(number), "execution_state", "")
        for number in kernels.list_kernel_ids()
    ]
    if "busy" in states:
        settings["busy_kernel_last_activity"] = datetime.now(timezone.utc)


class NoticeHandler(APIHandler):
    """Handle GET: return the notice (times until the stop, messages). Handle POST: record that the
    user is active now, and return the notice.

    JupyterLab sends POST while the user types or clicks.
    """

    auth_resource = "sitekit"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        await self.tell()

    @web.authenticated
    @authorized
    async def post(self) -> None:
        self.settings["person_last_activity"] = datetime.now(timezone.utc)
        await self.tell()

    async def tell(self) -> None:
        """Write the notice (times until the stop, messages) to the HTTP response, as JSON."""
        now = datetime.now(timezone.utc).timestamp()
        active = self.application.last_activity().timestamp()
        told = self.settings.get("sitekit", {})
        course = {key: told.get(key, []) for key in ("course_notices", "messages")}
        pages: dict[str, Any] = {
            "pages": told.get("pages", {}),
            "rescue": told.get("rescue", False),
        }
        pages["ended"] = await notebooks(self.settings)
        times = notice(now, active, os.environ, cgroup.killed())
        self.finish(json.dumps({**times, **course, **pages}))


def count_only_changes() -> None:
    """Make Jupyter Server ignore some requests for the time of the last activity: requests that
    only read, and requests that JupyterLab sends by itself."""
    counted = APIHandler.update_api_activity

    def update_api_activity(handler: APIHandler) -> None:
        if handler.request.method not in READS and not UPKEEP.search(handler.request.path):
            counted(handler)

    APIHandler.update_api_activity = update_api_activity


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "sitekit.session.overrides.activity"}]


def _load_jupyter_server_extension(server: Any) -> None:
    settings = server.web_app.settings
    count_only_changes()
    handlers = {"sitekit/notice": NoticeHandler, "sitekit/figures": FiguresHandler}
    server.web_app.add_handlers(
        ".*$",
        [
            (url_path_join(settings["base_url"], path), handler)
            for path, handler in handlers.items()
        ],
    )
    if os.environ.get("JUPYTERHUB_SITEKIT_BUSY", "keep") == "keep":
        look = PeriodicCallback(lambda: note_busy_kernels(settings), EVERY * 1000)
        server.io_loop.add_callback(look.start)
