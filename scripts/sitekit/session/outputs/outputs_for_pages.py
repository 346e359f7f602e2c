"""Answer a page that shows a notebook: what its cells have printed since the page that ran them was
closed (a Jupyter Server extension).

Only the page that has asked for a run puts its outputs into the notebook. A page that opens the
notebook while a cell runs asks here for the outputs that come afterwards, and puts them into its
own copy of the notebook. Nothing is written to the file: it belongs to the page.
"""

from __future__ import annotations

import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from . import notebook_outputs


class OutputsHandler(APIHandler):
    """Handle GET requests: return the runs of a kernel's cells that this page has not received.

    `kernel` and `page` name the kernel and the page's session with it. `have` is a JSON object: how
    much of each run the page has put into its notebook.
    """

    auth_resource = "sitekit"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        number, page = self.get_query_argument("kernel"), self.get_query_argument("page")
        have = self._have(self.get_query_argument("have", "{}"))
        told: dict[str, Any] = {"runs": [], "running": False}
        if number in self.kernel_manager:
            kernel = self.kernel_manager.get_kernel(number)
            if writer := notebook_outputs.writer(kernel, make=False):
                told = writer.for_page(f"{number}:{page}", have)
        self.finish(json.dumps(told))

    def _have(self, text: str) -> dict[str, Any]:
        try:
            have = json.loads(text)
        except ValueError:
            have = None
        if not isinstance(have, dict):
            raise web.HTTPError(400, "have: a JSON object is expected")
        return have


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "sitekit.session.outputs.outputs_for_pages"}]


def _load_jupyter_server_extension(server: Any) -> None:
    address = url_path_join(server.web_app.settings["base_url"], "sitekit/outputs")
    server.web_app.add_handlers(".*$", [(address, OutputsHandler)])
