"""Keep the outputs of all kernels' cells, and write them into the notebooks that no page shows.

JupyterLab's page, and not the server, writes the outputs into the notebook. Without this module,
the output that a cell prints while no page shows the notebook is lost (jupyterlab/jupyterlab#2833).
"""

from __future__ import annotations

from typing import Any

from jupyter_server.services.contents.manager import AsyncContentsManager

from ..overrides.one_writer_per_notebook import Contents
from .write_outputs import Writer

OTHERS = ("jupyter_server_ydoc", "jupyter_server_nbmodel", "jupyter_server_documents")
"""Server extensions that themselves write outputs into notebooks."""
_KEY = "sitekit_outputs"


class NotebookOutputs:
    """Hold a Writer for each kernel to which a page has connected."""

    def __init__(self, manager: AsyncContentsManager) -> None:
        self._contents = Contents(manager, self)
        self._writers: dict[str, Writer] = {}  # the key is the kernel's id

    def writer(self, kernel: Any, make: bool) -> Writer | None:
        """Return the kernel's Writer. The Writer is created when the first page connects to the
        kernel."""
        number = kernel.kernel_id
        if make and number not in self._writers:
            self._writers[number] = Writer(kernel, self._contents)
            kernel.add_restart_callback(lambda: self._forget(number), "dead")
        return self._writers.get(number)

    async def end(self, kernel: Any, restart: bool) -> None:
        """Write the remaining outputs, because the kernel is shut down or restarted."""
        if writer := self._writers.get(kernel.kernel_id):
            await writer.end()
            if not restart:
                self._forget(kernel.kernel_id)

    def _forget(self, number: str) -> None:
        if writer := self._writers.pop(number, None):
            writer.close()

    async def before_read(self, path: str, will_connect: bool) -> None:
        for writer in await self._of(path):
            await writer.before_read(will_connect)

    async def saved(self, path: str, began: float) -> None:
        for writer in await self._of(path):
            writer.outputs.page_saved(began)

    async def renamed(self, old_path: str, new_path: str) -> None:
        """Change the path in the sessions of closed notebooks. Pages change the path for the
        notebooks that they show. If a page opens the new path, the page gets the running kernel."""
        old, new = old_path.strip("/"), new_path.strip("/")
        writers = list(self._writers.values())
        sessions = await writers[0].sessions() if writers else []  # of the whole server
        for writer in writers:
            await writer.follow(old, new, sessions)

    async def _of(self, path: str) -> list[Writer]:
        """Return the writers of the kernels of a notebook. If links lead to the notebook's file,
        `path` can be any of its paths."""
        writers = list(self._writers.values())
        if not writers:
            return []
        sessions = await writers[0].sessions()  # of the whole server
        paths = [(one, one.path(sessions)) for one in writers]
        key = self._contents.key(path)
        return [one for one, own in paths if own is not None and self._contents.key(own) == key]


def write_outputs_of_closed_pages(app: Any) -> None:
    """Make this server write the outputs of notebooks that no page shows. This function does
    nothing if an extension of OTHERS is enabled, or if the server's contents manager is not a
    subclass of Jupyter Server's AsyncContentsManager."""
    extensions = app.extension_manager.extensions
    others = [name for name in OTHERS if name in extensions and extensions[name].enabled]
    if not others and isinstance(app.contents_manager, AsyncContentsManager):
        app.web_app.settings[_KEY] = NotebookOutputs(app.contents_manager)


def writer(kernel: Any, make: bool = True) -> Writer | None:
    """Return the writer of a kernel of this server. Return None if the server does not write
    outputs. If `make` is true, and the kernel has no writer, create the writer."""
    outputs = _of_server(kernel)
    return outputs.writer(kernel, make) if outputs else None


async def end(kernel: Any, restart: bool) -> None:
    """Write the remaining outputs of a kernel that is shut down or restarted."""
    if outputs := _of_server(kernel):
        await outputs.end(kernel, restart)


def _of_server(kernel: Any) -> NotebookOutputs | None:
    web_app = getattr(getattr(kernel.parent, "parent", None), "web_app", None)
    return web_app.settings.get(_KEY) if web_app else None
