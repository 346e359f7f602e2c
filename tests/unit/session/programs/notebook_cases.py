"""What a page, a kernel or an extension does while the server writes a notebook."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from types import SimpleNamespace
from typing import Any

import nbformat.validator
from jupyter_server.extension.manager import ExtensionManager
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from notebook_server import Server, files_of_at_most, printed, save_slowly, started

from sitekit.session.outputs.notebook_outputs import OTHERS, write_outputs_of_closed_pages


async def beside_other_extensions(server: Server) -> Any:
    """The server does not write if one of these extensions is enabled, which write themselves."""
    found = {}
    sys.path.insert(0, str(server.folder))
    for name, enabled in ((OTHERS[0], False), *((name, True) for name in OTHERS)):
        points = f"def _jupyter_server_extension_points(): return [{{'module': '{name}'}}]"
        (server.folder / f"{name}.py").write_text(points)
        extensions = ExtensionManager()
        extensions.from_jpserver_extensions({name: enabled})
        settings: dict[str, Any] = {}
        web_app = SimpleNamespace(settings=settings)
        manager = AsyncLargeFileManager(root_dir=str(server.folder))
        write_outputs_of_closed_pages(
            SimpleNamespace(extension_manager=extensions, web_app=web_app, contents_manager=manager)
        )
        found[f"{name} {enabled}"] = bool(settings)
    return found


async def page_saves_while_the_server_writes(server: Server) -> Any:
    """The page's text is what remains, by whichever name of the file the page saves it."""
    (server.folder / "folder").symlink_to(server.folder)
    begun, found = save_slowly(server), []
    for number, name in enumerate(("0.ipynb", "link.ipynb", "folder/2.ipynb", "hard.ipynb")):
        file = await started(server, f"{number}.ipynb")
        if name == "link.ipynb":
            (server.folder / name).symlink_to(file)
        if name == "hard.ipynb":
            (server.folder / name).hardlink_to(file)
        content = json.loads(file.read_text())
        content["cells"][1]["source"] = f"typed in {name}"
        begun.clear()
        writing = asyncio.ensure_future(server.write(file.name))
        await begun.wait()
        model = {"type": "notebook", "format": "json", "content": content}
        await server.manager.save(model, name)
        was_written = writing.done()
        await writing
        found.append([was_written, "".join(json.loads(file.read_text())["cells"][1]["source"])])
    return found


async def page_restores_a_checkpoint_while_the_server_writes(server: Server) -> Any:
    file = await started(server)
    await server.manager.create_checkpoint("x.ipynb")
    before = file.read_bytes()
    begun = save_slowly(server)
    writing = asyncio.ensure_future(server.write("x.ipynb"))
    await begun.wait()
    await server.manager.restore_checkpoint("checkpoint", "x.ipynb")
    await writing
    return file.read_bytes() == before


async def a_manager_that_calls_itself(server: Server) -> Any:
    """A save makes a first checkpoint, for which such checkpoints read the notebook."""
    file = await started(server)
    content = json.loads(file.read_text())
    model = {"type": "notebook", "format": "json", "content": content}
    await asyncio.wait_for(server.manager.save(model, "x.ipynb"), 120)
    await asyncio.wait_for(server.manager.restore_checkpoint("checkpoint", "x.ipynb"), 120)
    return True


async def page_saves_and_fails(server: Server) -> Any:
    """What a page could not save is written when the page is closed."""
    server.open("x.ipynb")
    server.print("x.ipynb")
    server.end_cell("x.ipynb")
    server.writer("x.ipynb").outputs.runs["run"].ended = time.monotonic() - 60
    content = json.loads((server.folder / "x.ipynb").read_text())
    with files_of_at_most(100), contextlib.suppress(Exception):
        model = {"type": "notebook", "format": "json", "content": content}
        await server.manager.save(model, "x.ipynb")
    server.close_page("x.ipynb")
    await server.write("x.ipynb")
    return printed(server.folder / "x.ipynb")


async def written_again_while_a_cell_runs(server: Server) -> Any:
    """Each 30 seconds, here each tenth of one; and no more when the cell has ended."""
    file = await started(server)
    found = []
    for text in ("first\n", "second\n"):
        server.print("x.ipynb", text)
        while text not in printed(file):
            await asyncio.sleep(0.05)
        found.append(text)
    server.end_cell("x.ipynb")
    while server.writer("x.ipynb").outputs.runs:
        await asyncio.sleep(0.05)
    timers = server.writer("x.ipynb")._timer
    return [found, timers]


async def what_a_notebook_may_not_have(server: Server) -> Any:
    """Outputs that are not valid are left out, and the others are written."""
    kernel, file = await started(server) and server.kernels["x.ipynb"], server.folder / "x.ipynb"
    kernel.send("run", "display_data", data={"text/plain": 5}, metadata={})
    kernel.send("run", "display_data", data="text", metadata=None)
    kernel.send("run", "error", ename=1, evalue=None, traceback="x")
    kernel.send(
        "run", "display_data", data={"text/plain": "a"}, metadata={}, transient={"display_id": "d"}
    )
    kernel.send("run", "update_display_data", data=7, metadata={}, transient={"display_id": "d"})
    kernel.stream.receive([b"no message"])
    server.print("x.ipynb", "a\ud800b\n")
    await server.write("x.ipynb")
    content = json.loads(file.read_text())
    nbformat.validator.validate(nbformat.reads(file.read_text(), 4))
    outputs = content["cells"][0]["outputs"]
    return [[one["output_type"] for one in outputs], "".join(outputs[-1]["text"])]


async def ends_after_a_page_has_read_it(server: Server) -> Any:
    """A page has read the notebook and did not connect: the kernel's end writes nevertheless."""
    file = await started(server)
    await server.manager.get("x.ipynb")
    server.print("x.ipynb", "more\n")
    await server.outputs.end(server.kernels["x.ipynb"], restart=False)
    return printed(file)


CASES = [
    beside_other_extensions,
    page_saves_while_the_server_writes,
    page_restores_a_checkpoint_while_the_server_writes,
    a_manager_that_calls_itself,
    page_saves_and_fails,
    written_again_while_a_cell_runs,
    what_a_notebook_may_not_have,
    ends_after_a_page_has_read_it,
]
