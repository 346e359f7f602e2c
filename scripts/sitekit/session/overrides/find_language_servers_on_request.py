"""Load jupyter_lsp, and search for language servers only when a page requests the list of language
servers. Without this module, jupyter_lsp searches at each start of a server. The search runs npm,
node and R, and reads the settings of every known language server (jupyter_lsp/serverextension.py,
`initialize`). JupyterLab requests this list only after the user has enabled language servers. In
the hub environment jupyter_lsp is enabled only through this module
(environment/release/configure_release.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


class Search:
    """Replace jupyter_lsp's function that searches for language servers. Call
    jupyter_lsp's function only when a page first needs the list, and keep the result."""

    def __init__(self, initialize: Callable[..., Awaitable[None]]) -> None:
        self._initialize = initialize
        self._words: tuple[Any, ...] = ()
        self._running: asyncio.Future[None] | None = None

    async def later(self, *words: Any) -> None:
        """Keep the arguments for the later search. At its start, jupyter_lsp calls this function in
        place of its own search."""
        self._words = words

    async def finished(self) -> None:
        """Begin to search for language servers, if the search has not begun yet. Wait until the
        search has ended."""
        if self._words and self._running is None:
            self._running = asyncio.ensure_future(self._initialize(*self._words))
        if self._running:
            await asyncio.shield(self._running)


def search_on_request(serverextension: Any) -> None:
    """Make jupyter_lsp search for language servers only when a page first requests their list."""
    manager, search = serverextension.LanguageServerManager, Search(serverextension.initialize)
    serverextension.initialize, ready = search.later, manager.ready

    async def ready_after_search(self: Any) -> Any:
        await search.finished()
        return await ready(self)

    manager.ready = ready_after_search


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "sitekit.session.overrides.find_language_servers_on_request"}]


def _load_jupyter_server_extension(server: Any) -> None:
    from jupyter_lsp import serverextension

    search_on_request(serverextension)
    serverextension.load_jupyter_server_extension(server)
