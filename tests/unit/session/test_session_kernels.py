"""How a session's kernels are reached, for real: a server in a release's Python, and another
program beside it."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import tempfile
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import kernel_site
import pytest
import session_parts as parts
import websocket
from session_parts import Server, session, until

from sitekit.session.single_user import LONGEST_SOCKET, make_runtime_folder

OTHER = Path(__file__).parent / "programs" / "join_kernel.py"


@pytest.fixture(scope="module", params=["short", "long"])
def server(request: pytest.FixtureRequest, hub_environment: None) -> Any:
    """A session, also with a TMPDIR in which no socket fits."""
    with tempfile.TemporaryDirectory(prefix="sitekit-test-") as folder:
        tmpdir = Path(folder, "x" * (90 if request.param == "long" else 1))
        tmpdir.mkdir()
        with session(TMPDIR=str(tmpdir)) as (_, server):
            yield server
            server.process.terminate()  # so that it takes away what it made in /tmp
            assert server.ends() == 0, server.said()


def runtime(server: Server) -> Path:
    """Where the server keeps its connection files: it says so in the environment of its kernels."""
    told = "import os; print(os.environ['JUPYTER_RUNTIME_DIR'])"
    kernel = server.ask("POST", "api/kernels", {"name": "own"})["id"]
    try:
        return Path(run(server, kernel, told).strip())
    finally:
        server.ask("DELETE", f"api/kernels/{kernel}")


def channel(server: Server, kernel: str) -> websocket.WebSocket:
    return websocket.create_connection(
        f"ws://127.0.0.1:{server.port}/user/u/api/kernels/{kernel}/channels",
        header={"Authorization": f"token {parts.USER_TOKEN}"},
        timeout=180,
    )


def message(kind: str, content: dict[str, Any], channel: str = "shell") -> str:
    header = {
        "msg_id": uuid.uuid4().hex,
        "username": "",
        "session": uuid.uuid4().hex,
        "version": "5.3",
        "date": "",
    }
    empty: dict[str, Any] = {"parent_header": {}, "metadata": {}, "buffers": []}
    return json.dumps(
        {**empty, "header": {**header, "msg_type": kind}, "content": content, "channel": channel}
    )


def run(server: Server, kernel: str, code: str) -> str:
    """What `code` prints, and the name of its error."""
    # the two arrive on channels of their own, in either order
    printed, awaited = "", {"execute_reply", "idle"}
    asked = message("execute_request", {"code": code, "silent": False, "allow_stdin": False})
    with closing(channel(server, kernel)) as line:
        line.send(asked)
        while awaited:
            answer = json.loads(line.recv())
            if answer["parent_header"].get("msg_id") == json.loads(asked)["header"]["msg_id"]:
                printed += answer["content"].get("text", "") + answer["content"].get("ename", "")
                awaited -= {answer["msg_type"], answer["content"].get("execution_state")}
    return printed


def test_a_kernels_sockets_are_its_users_alone_through_restart_and_interrupt(
    server: Server,
) -> None:
    folder = runtime(server)
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    kernel = server.ask("POST", "api/kernels", {"name": "own"})["id"]
    first = run(server, kernel, "import os; print(os.getpid())")
    info = json.loads((folder / f"kernel-{kernel}.json").read_text())
    place = Path(info["ip"]).parent
    assert (
        info["transport"] == "ipc"
        and place.parent == folder
        and stat.S_IMODE(place.stat().st_mode) == 0o700
    )
    # the kernel's heartbeat opens its socket in a thread of its own
    until(lambda: len(list(place.iterdir())) == 5)
    assert all(stat.S_ISSOCK(path.stat().st_mode) for path in place.iterdir())
    server.ask("POST", f"api/kernels/{kernel}/restart")
    second = run(server, kernel, "import os; print(os.getpid())")
    assert int(first) != int(second)
    waits = "import signal\ntry:\n    print('waits', flush=True)\n    signal.pause()\n"
    waits += "except KeyboardInterrupt:\n    print('interrupted')"
    with closing(channel(server, kernel)) as line:
        line.send(
            message("execute_request", {"code": waits, "silent": False, "allow_stdin": False})
        )
        printed = ""  # a line can come in several messages
        while "waits\n" not in printed:
            printed += json.loads(line.recv())["content"].get("text", "")
        server.ask("POST", f"api/kernels/{kernel}/interrupt")
        while not printed.endswith("interrupted\n"):
            printed += json.loads(line.recv())["content"].get("text", "")
    server.ask("DELETE", f"api/kernels/{kernel}")
    until(lambda: not place.exists())


def test_another_program_of_the_user_joins_by_the_connection_file(server: Server) -> None:
    """As `jupyter console --existing` does."""
    folder = runtime(server)
    kernel = server.ask("POST", "api/kernels", {"name": "own"})["id"]
    run(server, kernel, "here = 41")
    file = folder / f"kernel-{kernel}.json"
    python = str(kernel_site.release() / "bin" / "python")
    done = subprocess.run(
        [python, "-I", OTHER, file, "print(here + 1)"], capture_output=True, text=True, timeout=1800
    )
    assert done.stdout == "42\n", done.stderr
    server.ask("DELETE", f"api/kernels/{kernel}")


def test_no_page_starts_the_debugger_which_would_listen_for_everybody_on_the_node(
    server: Server,
) -> None:
    spec = server.ask("GET", "api/kernelspecs")["kernelspecs"]["own"]["spec"]
    assert "debugger" not in spec["metadata"]
    kernel = server.ask("POST", "api/kernels", {"name": "own"})["id"]
    asked = {"type": "request", "seq": 1, "command": "initialize", "arguments": {}}
    with closing(channel(server, kernel)) as line:
        line.send(message("debug_request", asked, "control"))
        line.send(message("kernel_info_request", {}, "control"))
        kinds = []
        while "kernel_info_reply" not in kinds:
            kinds.append(json.loads(line.recv())["msg_type"])
    assert "debug_reply" not in kinds
    server.ask("DELETE", f"api/kernels/{kernel}")


def test_the_names_of_sockets_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = Path(make_runtime_folder("jupyter-1-"))
    assert folder.parent == tmp_path
    longest = tmp_path / ("x" * (107 - len(f"{tmp_path}//{folder.name}/{LONGEST_SOCKET}")))
    for place, fits in ((longest, True), (Path(f"{longest}x"), False)):
        place.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(place))
        made = Path(make_runtime_folder("jupyter-1-"))
        assert (made.parent == place) is fits and not list(made.iterdir())
        if fits:
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(os.path.join(tempfile.mkdtemp(prefix="k-", dir=made), "s-5"))
        else:
            made.rmdir()
    assert not list(Path(f"{longest}x").iterdir())
