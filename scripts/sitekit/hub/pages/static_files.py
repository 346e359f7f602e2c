"""Serve the scripts and styles of sitekit's own pages, which are the same for every user."""

from __future__ import annotations

from typing import Any

from tornado import web

from ...base.data_files import data
from ..messages.page_files import FOLDER

PATH = r"/sitekit/static/([a-z_]+\.(?:css|js))"


class PageFileHandler(web.StaticFileHandler):
    """Handle GET and HEAD of /hub/sitekit/static/NAME, also without a login.

    Browsers may cache a file whose URL contains the file's hash, because a changed file has another
    URL.
    """

    def set_extra_headers(self, path: str) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")


def handlers() -> list[tuple[str, type, dict[str, Any]]]:
    """Return the URL pattern and the handler of the files, for JupyterHub's option
    extra_handlers."""
    return [(PATH, PageFileHandler, {"path": str(data(FOLDER))})]
