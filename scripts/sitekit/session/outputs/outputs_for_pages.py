"""Send a page the outputs of cells that another page, which is closed now, has run (a Jupyter
Server extension).

In JupyterLab, only the page that has requested a run puts the run's outputs into the notebook. If
another page opens the notebook while the cell runs, this page requests the later outputs from this
extension. The page puts these outputs into its own copy of the notebook. This extension writes
nothing to the file, because only the page is allowed to write the file while the page is open.
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

    In the URL, `kernel` is the id of the kernel, and `page` is the id of the page's session with
    this kernel. `have` is a JSON object, which KernelOutputs.for_page() describes.
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
