"""What a notebook's file can have become when the server writes it."""

from __future__ import annotations

import json
from typing import Any

from notebook_server import SOURCE, Server, files_of_at_most, printed, started, write

from sitekit.session.outputs import write_outputs


async def the_disk_is_full(server: Server) -> Any:
    """The notebook stays as it was, also if it is written in place, and is written later."""
    found = []
    for linked in (False, True):
        file = await started(server, f"{linked}.ipynb", more=50_000)
        if linked:
            (server.folder / "second-name.ipynb").hardlink_to(file)
        before = file.read_bytes()
        with files_of_at_most(20_000):
            for _ in range(3):
                await server.write(file.name)
        same = file.read_bytes() == before
        others = sorted(one.name for one in server.folder.glob(".~*"))
        await server.write(file.name)
        found.append([same, others, printed(file)])
    return [found, server.writer(file.name)._failures]


async def retries_become_rare(server: Server) -> Any:
    file = await started(server)
    file.unlink()
    writer, pauses = server.writer("x.ipynb"), []
    writer._write_soon = pauses.append
    for _ in range(7):
        await writer._write_and_repeat()
    return [round(pause) for pause in pauses]


async def deleted(server: Server) -> Any:
    file = await started(server)
    await server.manager.delete("x.ipynb")
    await server.write("x.ipynb")
    return file.exists()


async def read_only(server: Server) -> Any:
    file = await started(server)
    before = file.read_bytes()
    file.chmod(0o444)
    await server.write("x.ipynb")
    same = file.read_bytes() == before
    file.chmod(0o644)
    await server.write("x.ipynb")
    return [same, printed(file)]


async def replaced_by_a_link(server: Server) -> Any:
    """The link stays a link. Its target is changed only if it is a notebook with the cell."""
    found = []
    for target, source in (("other.txt", None), ("other.ipynb", "y()"), ("same.ipynb", SOURCE)):
        file = await started(server, f"to-{target}.ipynb")
        file.unlink()
        aim = server.folder / target
        aim.write_text("no notebook") if source is None else write(aim, source)
        before = aim.read_bytes()
        file.symlink_to(aim)
        await server.write(file.name)
        found.append([file.is_symlink(), aim.read_bytes() == before])
    return found


async def no_json(server: Server) -> Any:
    """A file that is no JSON is left as it is, also beside what a failed save has left."""
    file = await started(server)
    write(server.folder / ".~x.ipynb", "old()")
    found = []
    for content in (b"{", b"\xff\xfe", b"", b"[]", b'{"cells": 3}'):
        file.write_bytes(content)
        await server.write("x.ipynb")
        found.append(file.read_bytes() == content)
    return [found, sorted(one.name for one in server.folder.iterdir())]


async def ten_megabytes(server: Server) -> Any:
    file = await started(server, more=10_000_000)
    await server.write("x.ipynb")
    return [printed(file), len("".join(json.loads(file.read_text())["cells"][1]["source"]))]


async def too_large(server: Server) -> Any:
    file = await started(server, more=1000)
    write_outputs.LARGEST = 500
    try:
        await server.write("x.ipynb")
    finally:
        write_outputs.LARGEST = 50_000_000
    return printed(file)


async def changed_by_another_program(server: Server) -> Any:
    """A program, such as git, changes the file after the server has read it."""
    file = await started(server)
    read = server.outputs._contents.read_notebook

    async def read_and_change(path: str) -> Any:
        model = await read(path)
        write(file, source="another()")
        return model

    server.outputs._contents.read_notebook = read_and_change
    await server.write("x.ipynb")
    cell = json.loads(file.read_text())["cells"][0]
    return [cell["source"], cell["outputs"]]


async def renamed(server: Server) -> Any:
    """The session follows, also if the folder is renamed, unless a page shows the notebook."""
    (server.folder / "a").mkdir()
    await started(server, "a/x.ipynb")
    await server.manager.rename("a/x.ipynb", "a/y.ipynb")
    await server.manager.rename("a", "b")
    await server.write("a/x.ipynb")
    found = [server.sessions[0]["path"], printed(server.folder / "b/y.ipynb")]
    server.writer("a/x.ipynb").page_comes(server.page)
    await server.manager.rename("b/y.ipynb", "b/z.ipynb")
    return [*found, server.sessions[0]["path"]]


async def two_names_of_one_file(server: Server) -> Any:
    """Two pages show the file by two names. The server does not write it while one of them does."""
    file = await started(server)
    (server.folder / "link.ipynb").symlink_to(file)
    before = file.read_bytes()
    server.sessions.append(
        {"id": "second", "path": "link.ipynb", "type": "notebook", "kernel": {"id": "second"}}
    )
    await server.write("x.ipynb")
    same = file.read_bytes() == before
    server.sessions.pop()
    await server.write("x.ipynb")
    return [same, printed(file)]


async def read_by_another_name(server: Server) -> Any:
    file = await started(server)
    (server.folder / "link.ipynb").symlink_to(file)
    model = await server.manager.get("link.ipynb")
    return model["content"]["cells"][0]["outputs"][0]["text"]


CASES = [
    the_disk_is_full,
    retries_become_rare,
    deleted,
    read_only,
    replaced_by_a_link,
    no_json,
    ten_megabytes,
    too_large,
    changed_by_another_program,
    renamed,
    two_names_of_one_file,
    read_by_another_name,
]
