"""A Jupyter server extension that loads nbdime without pages that other sites may open, and without
downloads.

nbdime 4.0 shows in the user's server whatever notebook an address names, and fetches it if that is
a URL (webapp/nbdimeserver.py, read_notebook): a link of another site would show a stranger's
notebook among the user's own pages, and have the server ask addresses that only this node reaches.
In the hub environment it is enabled through this module alone (environment/release/configure.py).
"""

from __future__ import annotations

from typing import Any

from .. import origin


def guard(nbdime_server: Any) -> None:
    """Let each handler of nbdime's ask who asks, and read files alone."""
    from tornado.web import HTTPError

    async def prepare(handler: Any) -> None:
        await super(nbdime_server.NbdimeHandler, handler).prepare()
        if origin.is_foreign(handler):
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
    import nbdime
    from nbdime.webapp import nbdimeserver

    guard(nbdimeserver)
    nbdime._load_jupyter_server_extension(server)
