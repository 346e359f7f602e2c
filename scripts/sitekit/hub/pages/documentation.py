"""Show the documentation, which `make docs` has built in the prefix, to users who are logged in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyterhub.handlers.base import BaseHandler
from tornado import web

PATH = r"/sitekit/docs(?:/(.*))?"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".yml": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
"""The suffixes of the files that are shown, with their media types. The hub answers requests for
other files with 404."""
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the theme sets its colors in the page
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",  # the search
        "frame-ancestors 'none'",
    ]
)


class DocumentationHandler(BaseHandler, web.StaticFileHandler):
    """Handle GET and HEAD of the documentation's files. The files are not generated on request."""

    @web.authenticated
    async def get(self, path: str | None, include_body: bool = True) -> None:
        if path is None:  # without the slash at the end, the page's relative links would be wrong
            self.redirect(f"{self.request.path}/")
            return
        await web.StaticFileHandler.get(self, path, include_body)

    @web.authenticated
    async def head(self, path: str | None) -> None:
        await self.get(path, include_body=False)

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Return the path of the file to show. Raises HTTPError (404) if the file is missing, has
        another suffix than those in TYPES, or is a link."""
        found, base = Path(absolute_path), os.path.realpath(root)
        if "\0" in absolute_path:
            raise web.HTTPError(404)
        if found.is_dir():
            found /= "index.html"
        # the path to the documentation's folder can contain symbolic links, but links inside the
        # folder are not followed
        expected = os.path.normpath(os.path.join(base, os.path.relpath(found, root)))
        inside = os.path.realpath(found) == expected and expected.startswith(base + os.sep)
        if not inside or found.suffix not in TYPES or not found.is_file():
            raise web.HTTPError(404)
        return expected

    def get_content_type(self) -> str:
        """Return the media type of the file; for an error page, return the media type of HTML.

        JupyterHub calls this method before tornado has found the file (handlers/base.py,
        set_default_headers).
        """
        found = getattr(self, "absolute_path", None)
        return TYPES.get(Path(found or "").suffix, TYPES[".html"])

    def compute_etag(self) -> None:
        """Send no ETag header, because tornado would keep the old ETag of a file that `make docs`
        has replaced."""

    def set_extra_headers(self, path: str) -> None:
        """Set the headers of a file. JupyterHub's own Content-Security-Policy would allow scripts
        inside of pages."""
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")


def handlers(docs: Path) -> list[tuple[str, type, dict[str, Any]]]:
    """Return the URL pattern and the handler of the documentation, for JupyterHub's option
    extra_handlers."""
    return [(PATH, DocumentationHandler, {"path": str(docs)})]
