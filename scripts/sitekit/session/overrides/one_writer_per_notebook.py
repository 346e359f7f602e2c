"""Make sure that the server changes a notebook's file only while no page reads, saves, renames or
deletes this file.

Jupyter Server's contents manager has no locks, because in Jupyter only pages change notebooks
(jupyterlab/jupyterlab#2833). Without a lock, a page could save the notebook after the server has
read it, and the server would then overwrite the page's changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import weakref
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol

import nbformat
from jupyter_server.services.contents.fileio import FileManagerMixin, path_to_intermediate
from jupyter_server.services.contents.manager import AsyncContentsManager


class Watcher(Protocol):
    """Define the methods that Contents calls when a page reads, saves or renames a file."""

    async def before_read(self, path: str, will_connect: bool) -> None:
        """Write the server's outputs into the notebook, if necessary, before a page reads the
        notebook. `will_connect` is false if the page reads the notebook as text, and therefore does
        not connect to a kernel."""

    async def saved(self, path: str, began: float) -> None:
        """Record that a page has saved a notebook. `began` is the time of the page's request
        (time.monotonic)."""

    async def renamed(self, old_path: str, new_path: str) -> None:
        """Record that a page has renamed a file or a folder."""


class Contents:
    """Hold the contents manager's own `get` and `save`, and a lock for each file."""

    def __init__(self, manager: AsyncContentsManager, watcher: Watcher) -> None:
        self.get, self.save = manager.get, manager.save
        self._rename, self._delete = manager.rename, manager.delete
        self._checkpoint, self._restore = manager.create_checkpoint, manager.restore_checkpoint
        self._manager, self._watcher = manager, watcher
        self._locks: weakref.WeakValueDictionary[Any, asyncio.Lock] = weakref.WeakValueDictionary()
        self._holders: dict[Any, asyncio.Task[Any] | None] = {}
        manager.get, manager.save = self.read_by_page, self.saved_by_page
        manager.rename, manager.delete = self.renamed_by_page, self.deleted_by_page
        manager.create_checkpoint = self.checkpoint_by_page
        manager.restore_checkpoint = self.restored_by_page

    def key(self, path: str) -> Any:
        """Return a key of the file. Several paths can lead to one file by links. All these paths
        have the same key."""
        file = self._file(path)
        if file is None:
            return path.strip("/")
        real = os.path.realpath(file)
        with contextlib.suppress(OSError):
            found = os.stat(real)
            if found.st_nlink > 1 and not os.path.isdir(real):
                # Jupyter Server saves a file with several hard links in place. Therefore the file's
                # inode number remains the same.
                return found.st_dev, found.st_ino
        return real

    @contextlib.asynccontextmanager
    async def held(self, path: str) -> AsyncIterator[None]:
        """Hold the lock of a file. In the `with` block, no page can read or change the file."""
        key = self.key(path)
        if self._holds(key):
            yield
            return
        lock = self._locks.get(key)
        if lock is None:
            self._locks[key] = lock = asyncio.Lock()
        async with lock:
            self._holders[key] = asyncio.current_task()
            try:
                yield
            finally:
                del self._holders[key]

    async def read_notebook(self, path: str) -> dict[str, Any]:
        """Return a notebook in the form that Jupyter Server uses (a model). Raise an error if the
        file is not a notebook. Otherwise, Jupyter Server would replace the file with what a failed
        save has left (fileio.py, _read_notebook)."""
        file = self._file(path)
        if file is not None and os.path.exists(path_to_intermediate(file)):
            text = await self.get(path, type="file", format="text")
            await asyncio.to_thread(nbformat.reads, text["content"], as_version=4)
        return dict(await self.get(path, type="notebook"))

    async def read_by_page(
        self, path: str, content: bool = True, type: str | None = None, *more: Any, **named: Any
    ) -> Any:
        # Other methods of the manager call this method without `content`, to read a file's
        # properties, also while the file's lock is held.
        if not content or not path.endswith(".ipynb"):
            return await self.get(path, content, type, *more, **named)
        if not self._holds(self.key(path)):
            await self._tell(self._watcher.before_read(path, type != "file"))
        async with self.held(path):
            return await self.get(path, content, type, *more, **named)

    async def saved_by_page(self, model: dict[str, Any], path: str = "") -> Any:
        if not path.endswith(".ipynb"):
            return await self.save(model, path)
        began = time.monotonic()
        async with self.held(path):
            saved = await self.save(model, path)
        await self._tell(self._watcher.saved(path, began))
        return saved

    async def renamed_by_page(self, old_path: str, new_path: str) -> Any:
        async with self.held(old_path):
            renamed = await self._rename(old_path, new_path)
        await self._tell(self._watcher.renamed(old_path, new_path))
        return renamed

    async def deleted_by_page(self, path: str) -> Any:
        async with self.held(path):
            return await self._delete(path)

    async def checkpoint_by_page(self, path: str) -> Any:
        async with self.held(path):
            return await self._checkpoint(path)

    async def restored_by_page(self, checkpoint_id: str, path: str) -> Any:
        async with self.held(path):
            return await self._restore(checkpoint_id, path)

    async def _tell(self, watched: Awaitable[None]) -> None:
        """Wait until the watcher's method has ended. If this method fails, the failure is logged,
        and the page's request continues."""
        try:
            await watched
        except Exception as trouble:
            self._manager.log.warning("sitekit: outputs of closed notebooks: %r", trouble)

    def _holds(self, key: Any) -> bool:
        """Return whether the current task already holds the file's lock. A task holds the lock
        twice if one method of the contents manager calls another method."""
        return key in self._holders and self._holders[key] is asyncio.current_task()

    def _file(self, path: str) -> str | None:
        """Return the file of a path. If the contents manager does not store contents in files,
        return None."""
        if not isinstance(self._manager, FileManagerMixin):
            return None
        return str(self._manager._get_os_path(path.strip("/")))
