"""Let the server change a notebook's file while no page reads, saves, renames or deletes it.

Jupyter Server's contents manager has no locks, because in Jupyter only pages change notebooks
(jupyterlab/jupyterlab#2833). Without a lock, a page could save the notebook after the server has
read it, and the server would then overwrite the page's changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from jupyter_server.services.contents.manager import AsyncContentsManager


class Contents:
    """The contents manager's own `get` and `save`, and a lock for each path.

    `before_read` is called before a page reads a notebook. Its second argument is False if the page
    reads the file as text. `saves` is called when a page saves a notebook.
    """

    def __init__(
        self,
        manager: AsyncContentsManager,
        before_read: Callable[[str, bool], Awaitable[None]],
        saves: Callable[[str], Awaitable[None]],
    ) -> None:
        self.get, self.save = manager.get, manager.save
        self._rename, self._delete = manager.rename, manager.delete
        self._before_read, self._saves = before_read, saves
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        manager.get, manager.save = self.read_by_page, self.saved_by_page
        manager.rename, manager.delete = self.renamed_by_page, self.deleted_by_page

    @contextlib.asynccontextmanager
    async def held(self, path: str) -> AsyncIterator[None]:
        """Lock a notebook during the `with` block: no page can read or change the notebook."""
        key = path.strip("/")
        lock = self._locks.get(key)
        if lock is None:
            self._locks[key] = lock = asyncio.Lock()
        async with lock:
            yield

    async def read_by_page(
        self, path: str, content: bool = True, type: str | None = None, *more: Any, **named: Any
    ) -> Any:
        # Without `content`, other methods of the manager ask for a file's facts, also while it is
        # held.
        if not content or not path.endswith(".ipynb"):
            return await self.get(path, content, type, *more, **named)
        await self._before_read(path, type != "file")
        async with self.held(path):
            return await self.get(path, content, type, *more, **named)

    async def saved_by_page(self, model: dict[str, Any], path: str = "") -> Any:
        if not path.endswith(".ipynb"):
            return await self.save(model, path)
        await self._saves(path)
        async with self.held(path):
            return await self.save(model, path)

    async def renamed_by_page(self, old_path: str, new_path: str) -> Any:
        async with self.held(old_path):
            return await self._rename(old_path, new_path)

    async def deleted_by_page(self, path: str) -> Any:
        async with self.held(path):
            return await self._delete(path)
