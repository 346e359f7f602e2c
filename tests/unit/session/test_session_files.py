"""What users' kernels find and leave behind: umask, Slurm's variables, the default kernel, large
messages, no trash."""

from __future__ import annotations

import json
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import session_parts as parts
import websocket
from session_parts import Server, session

pytestmark = pytest.mark.usefixtures("hub_environment")
SLURM = {
    "SLURM_JOB_ID": "42",
    "SLURM_JOB_NODELIST": "n1",
    "SLURM_JOB_PARTITION": "short",
    "SLURM_CONF": "/x",
    "SBATCH_PARTITION": "short",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server whose job script has made everything private, as config/templates/job.sh does."""
    before = os.umask(0o077)
    try:
        with session({"umask": "0002"}, **SLURM) as (_, server):
            yield server
    finally:
        os.umask(before)


def printed(server: Server, code: str, **kernel: str) -> str:
    """Run `code` in a new kernel; what it printed."""
    number = server.ask("POST", "api/kernels", kernel)["id"]
    line = websocket.create_connection(
        f"ws://127.0.0.1:{server.port}/user/u/api/kernels/{number}/channels",
        header={"Authorization": f"token {parts.USER_TOKEN}"},
        timeout=180,
    )
    try:
        request = execution(code)
        line.send(json.dumps(request))
        text, told = "", None
        while told is None:
            message: dict[str, Any] = json.loads(line.recv())
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            if message["msg_type"] == "stream":
                text += message["content"]["text"]
            elif message["msg_type"] == "error":
                raise AssertionError(message["content"]["evalue"])
            elif (
                message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            ):
                told = text
        return told
    finally:
        line.close()
        server.ask("DELETE", f"api/kernels/{number}")


def execution(code: str) -> dict[str, Any]:
    header = {
        "msg_id": uuid.uuid4().hex,
        "username": "",
        "session": uuid.uuid4().hex,
        "version": "5.3",
        "date": "",
    }
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
    }
    return {
        "header": {**header, "msg_type": "execute_request"},
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_of_users_have_the_sites_umask_and_the_jobs_own_are_private(server: Server) -> None:
    printed(
        server, "open('by-kernel', 'w').close(); import os; os.mkdir('folder')", path="", name="own"
    )
    server.ask("PUT", "api/contents/by-lab.txt", {"type": "file", "format": "text", "content": "x"})
    assert [mode(server.home / name) for name in ("by-kernel", "folder", "by-lab.txt")] == [
        0o664,
        0o775,
        0o664,
    ]
    [runtime] = [path for path in server.tmp.iterdir() if path.name.startswith("jupyter-42-")]
    assert mode(runtime) & 0o077 == 0


def test_slurm_takes_what_users_start_for_jobs_of_their_own(server: Server) -> None:
    seen = json.loads(
        printed(server, "import json, os; print(json.dumps(dict(os.environ)))", name="own")
    )
    given = {
        name: value
        for name, value in seen.items()
        if name.startswith(("SLURM", "SBATCH", "SITEKIT"))
    }
    assert given == {"SLURM_CONF": "/x", "SITEKIT_JOB_ID": "42"}


def test_the_hubs_own_python_is_no_kernel(server: Server) -> None:
    assert server.ask("GET", "api/kernelspecs")["default"] == "own"
    assert "python3" not in server.ask("GET", "api/kernelspecs")["kernelspecs"]
    with pytest.raises(HTTPError) as refused:
        server.ask("POST", "api/kernels", {"name": "python3"})
    assert refused.value.code >= 400
    kernel = server.ask("POST", "api/kernels")
    assert kernel["name"] == "own"
    server.ask("DELETE", f"api/kernels/{kernel['id']}")


def test_a_large_message_reaches_the_kernel(server: Server) -> None:
    assert (
        printed(server, f"x = '{'x' * 11 * 1024**2}'; print(len(x))", name="own")
        == f"{11 * 1024**2}\n"
    )


def test_deleted_files_are_gone_and_no_database_lies_in_the_home(server: Server) -> None:
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    server.ask("PUT", "api/contents/a.ipynb", {"type": "notebook", "content": notebook})
    server.ask("GET", "api/contents/a.ipynb")
    server.ask("DELETE", "api/contents/a.ipynb")
    paths = parts.paths_below(server.home)
    left = [path for path in paths if "Trash" in path.parts or "nbsignatures" in path.name]
    assert left == []
