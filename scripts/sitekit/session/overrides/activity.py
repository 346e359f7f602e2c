"""Decide what counts as activity, and report the time that the server has left.

This module is a Jupyter server extension. JupyterHub's idle culler uses the time of the last
activity that the server reports. Jupyter Server counts every request as activity. An open
JupyterLab is then never idle, because it requests its lists every few seconds. A kernel that
computes without output is regarded as idle, however (jupyterhub-idle-culler#43). With this module,
requests that only read do not count as activity. A busy kernel counts as activity if the tier is
configured so. JupyterLab reports when somebody types or clicks in it.
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

from .. import oom
from ..time_left import notice

EVERY = 15  # seconds between looks at the kernels
READS = ("GET", "HEAD", "OPTIONS")
# JupyterLab saves its layout each time after it has requested its lists.
UPKEEP = re.compile(r"/lab/api/workspaces(/|$)")


def note_busy_kernels(settings: dict[str, Any]) -> None:
    """Count a busy kernel as activity at this moment.

    Jupyter Server uses the latest of all settings that are named `*_last_activity`.
    """
    kernels = settings["kernel_manager"]
    states = [
        getattr(kernels.get_kernel(number), "execution_state", "")
        for number in kernels.list_kernel_ids()
    ]
    if "busy" in states:
        settings["busy_kernel_last_activity"] = datetime.now(timezone.utc)


class NoticeHandler(APIHandler):
    """Answer GET and POST requests with the notice.

    JupyterLab sends POST while somebody types or clicks. A POST request counts as activity.
    """

    auth_resource = "sitekit"

    @web.authenticated
    @authorized
    def get(self) -> None:
        self.tell()

    @web.authenticated
    @authorized
    def post(self) -> None:
        self.settings["person_last_activity"] = datetime.now(timezone.utc)
        self.tell()

    def tell(self) -> None:
        active = self.application.last_activity().timestamp()
        self.finish(
            json.dumps(
                notice(datetime.now(timezone.utc).timestamp(), active, os.environ, oom.killed())
            )
        )


def count_only_changes() -> None:
    """Make Jupyter Server ignore requests that only read or that JupyterLab sends by itself."""
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
    server.web_app.add_handlers(
        ".*$", [(url_path_join(settings["base_url"], "sitekit/notice"), NoticeHandler)]
    )
    if os.environ.get("JUPYTERHUB_SITEKIT_BUSY", "keep") == "keep":
        look = PeriodicCallback(lambda: note_busy_kernels(settings), EVERY * 1000)
        server.io_loop.add_callback(look.start)
