"""Show administrators the state of the site: servers, queue, memory, backends, kernels and errors.

The status page shows data from the hub's database of starts (the ledger) and from the last list of
jobs. No query is sent to Slurm or another program. The page stops servers with JupyterHub's own
REST API.
"""

from __future__ import annotations

import json
import shutil
import time
from typing import Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import Scope
from tornado import web

from ..messages.script_and_style_urls import page_file, page_texts
from ..servers.shared_objects import HubState
from ..status import read_certificate_expiry
from ..status.collect_state import status_now

STATUS_PAGE = r"/sitekit/status"
STATUS_STATE = r"/sitekit/status/state"
LASTS = 0.9
"""Seconds for which all administrators get the same record. An open page requests the record every
two seconds."""


class StatusBaseHandler(BaseHandler):
    """Refuse everybody except administrators who may stop the servers of all users.

    share_hub_state() sets `hub_state`.
    """

    hub_state: HubState
    _kept: tuple[float, dict[str, Any]] = (float("-inf"), {})

    def prepare_record(self) -> dict[str, Any]:
        """Return the record with the state of the site. Raises HTTPError (404) unless the user is
        an administrator.

        A scope that is limited to a group is not enough, because the page shows the servers of all
        users.
        """
        if self.parsed_scopes.get("admin:servers") is not Scope.ALL:
            raise web.HTTPError(404)
        at, record = StatusBaseHandler._kept
        if time.monotonic() - at > LASTS:
            record = self.whole_record()
            StatusBaseHandler._kept = time.monotonic(), record
        return record

    def whole_record(self) -> dict[str, Any]:
        """Return the record with the state of the site. The record also contains for how many days
        each certificate is valid, and the size and free space of the disk with the hub's state."""
        state = self.hub_state.site.paths.state
        disk = shutil.disk_usage(state)
        return {
            **status_now(self.hub_state),
            "certificates": read_certificate_expiry.days_left(),
            "disks": {"state": {"path": str(state), "bytes": disk.total, "free": disk.free}},
        }


class StatusPageHandler(StatusBaseHandler):
    """Handle GET /hub/sitekit/status: show the page."""

    @web.authenticated
    async def get(self) -> None:
        record = self.prepare_record()
        page = await self.render_template(
            "status.html", record=record, page_file=page_file, page_texts=page_texts
        )
        self.finish(page)


class StatusStateHandler(StatusBaseHandler):
    """Handle GET /hub/sitekit/status/state: return the data that the page shows, as JSON."""

    @web.authenticated
    async def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(self.prepare_record()))
