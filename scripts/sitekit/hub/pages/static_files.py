"""Serve the scripts, styles and translations of sitekit's own pages, which are the same for every
user."""

from __future__ import annotations

from typing import Any

from tornado import web

from ...base.data_files import data
from ..messages import lab_texts
from ..messages.script_and_style_urls import FOLDER

PATH = r"/sitekit/static/([a-z_]+\.(?:css|js))"


class PageFileHandler(web.StaticFileHandler):
    """Handle GET and HEAD of /hub/sitekit/static/NAME, also without a login.

    Browsers may cache a file whose URL contains the file's hash, because a changed file has another
    URL.
    """

    def set_extra_headers(self, path: str) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")


class LabTextsHandler(web.RequestHandler):
    """Handle GET /hub/sitekit/lab-texts: return the translations of sitekit's texts in JupyterLab.

    Because the texts are the same for all users, no login is needed, and pages of all users'
    domains may read the texts. Browsers may cache the response, because changed texts have another
    URL.
    """

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Access-Control-Allow-Origin", "*")
        self.set_header("Cache-Control", "public, max-age=86400")
        self.finish(lab_texts.content())


def handlers() -> list[tuple[str, type, dict[str, Any]]]:
    """Return the URL patterns and the handlers, for JupyterHub's option extra_handlers."""
    return [
        (PATH, PageFileHandler, {"path": str(data(FOLDER))}),
        (lab_texts.PATH, LabTextsHandler, {}),
    ]
