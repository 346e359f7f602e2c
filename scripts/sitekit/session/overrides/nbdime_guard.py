"""Load nbdime as an extension of Jupyter Server, and make nbdime refuse requests of other websites
and download nothing. By itself, nbdime 4.0 shows any notebook that a request names, and downloads
the notebook if the name is a URL (webapp/nbdimeserver.py, read_notebook). A link on another website
could show an attacker's notebook on a page of the user's server. A link on another website could
also make the server request URLs that only this node can reach. In the hub environment nbdime is
enabled only through this module (environment/release/configure_release.py).
"""

from __future__ import annotations

from typing import Any

from ..http_requests import request_origin
from ..imports.load_on_first_request import load_at_first_request


def guard(nbdime_server: Any) -> None:
    """Make nbdime's handlers refuse requests that other websites cause, and refuse URLs as names of
    notebooks."""
    from tornado.web import HTTPError

    async def prepare(handler: Any) -> None:
        await super(nbdime_server.NbdimeHandler, handler).prepare()
        if request_origin.is_foreign(handler):
            raise HTTPError(403, "no page of another site may use this")

    read = nbdime_server.NbdimeHandler.read_notebook

    def read_notebook(handler: Any, name: Any, *words: Any, **settings: Any) -> Any:
        if isinstance(name, str) and "://" in name:
            raise HTTPError(422, "only files of this server are compared")
        return read(handler, name, *words, **settings)

    nbdime_server.NbdimeHandler.prepare = prepare
    nbdime_server.NbdimeHandler.read_notebook = read_notebook


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "sitekit.session.overrides.nbdime_guard"}]


def _load_jupyter_server_extension(server: Any) -> None:
    load_at_first_request(server, "nbdime", load)


def load(server: Any) -> None:
    """Load nbdime. The import of nbdime's libraries for git takes longer than the import of Jupyter
    Server."""
    import nbdime
    from nbdime.webapp import nbdimeserver

    guard(nbdimeserver)
    nbdime._load_jupyter_server_extension(server)
