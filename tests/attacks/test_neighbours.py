"""Another user of the same node: what of alice's session they can reach, read or open."""

from __future__ import annotations

import json
import pwd
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import websocket

from ..conftest import Demo
from .conftest import Server
from .test_network import listeners

LOOK = Path(__file__).parent / "programs" / "look.py"


FORK = """
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=print, args=("child",))
child.start()
child.join()
"""


@pytest.fixture(scope="module")
def kernels(demo: Demo, server: Server) -> Iterator[dict[str, str]]:
    """A kernel of each kind that alice is offered, running; its kind -> its id."""
    running: dict[str, str] = {}
    python = next(name for name in server.person.kernelspecs() if name.startswith("python-"))
    for kind in (*server.person.kernelspecs(), python):
        kernel = server.person.kernel(kind)
        running[kind if kind not in running else f"{kind} again"] = kernel.id
        kernel.run("1 + 1")
        kernel.close()
    yield running
    for number in running.values():
        server.person.server_api("DELETE", f"kernels/{number}")


def connection(server: Server, kernel: str) -> dict[str, Any]:
    """What a kernel's connection file says; root may read it."""
    return json.loads(
        Path(server.environment["JUPYTER_RUNTIME_DIR"], f"kernel-{kernel}.json").read_text()
    )


def unix_sockets() -> set[str]:
    """The paths of all Unix sockets, from the kernel."""
    return {line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines()[1:]}


def looked(*words: str) -> str:
    """What bob's look at these paths finds. By the program's text: he may not read the checkout."""
    bob = ["setpriv", "--reuid=bob", "--regid=bob", "--init-groups", "--"]
    argv = [*bob, "/usr/bin/python3", "-c", LOOK.read_text(), *words]
    return subprocess.run(
        argv, capture_output=True, text=True, check=True, timeout=120, cwd="/"
    ).stdout


def test_every_kind_of_kernel_is_reached_in_a_folder_of_its_users(
    server: Server, kernels: dict[str, str]
) -> None:
    assert {"loaded-python", "r-4.2", "python-3.11", "bash"} <= set(kernels)
    known = unix_sockets()
    for kind, number in kernels.items():
        told = connection(server, number)
        assert told["transport"] == "ipc", kind
        assert {
            f"{told['ip']}-{port}" for name, port in told.items() if name.endswith("_port")
        } <= known, kind
        for folder in (Path(told["ip"]).parent, Path(told["ip"]).parent.parent):
            assert folder.stat().st_mode & 0o077 == 0 and folder.owner() == server.person.name


@pytest.mark.parametrize("kind", ["python-3.11", "python-3.9"])
def test_what_a_forked_child_prints_still_arrives(server: Server, kind: str) -> None:
    """It has a socket of its own, in place of ipykernel's TCP port."""
    kernel = server.person.kernel(kind)
    try:
        begun, printed = kernel.begin(FORK), ""
        while printed.strip() != "child":  # perhaps after the cell's end
            told = kernel.receive()
            if told["msg_type"] == "stream" and told["parent_header"].get("msg_id") == begun:
                printed += told["content"]["text"]
    finally:
        kernel.close()
        server.person.server_api("DELETE", f"kernels/{kernel.id}")


def test_a_neighbour_opens_nothing_of_it(server: Server, kernels: dict[str, str]) -> None:
    paths = [f"{connection(server, number)['ip']}-1" for number in kernels.values()]
    paths += [
        f"{server.environment['JUPYTER_RUNTIME_DIR']}/kernel-{number}.json"
        for number in kernels.values()
    ]
    assert looked("/etc/hostname/x").splitlines()[0] == "opened /etc/hostname"
    said = looked(*paths)
    parents = {str(Path(server.environment["JUPYTER_RUNTIME_DIR"]).parent), "/tmp"}
    assert {line for line in said.splitlines() if line.split(" ", 1)[1] not in parents} == set()


def test_a_session_listens_on_its_servers_port_alone(
    demo: Demo, server: Server, kernels: dict[str, str]
) -> None:
    """With a notebook of each kind, a terminal, and a page that asks for language servers and the
    debugger."""
    person = server.person
    terminal = person.server_api("POST", "terminals").json()["name"]
    assert person.server_api("GET", "status").status_code == 200
    assert person.http.get(f"{server.base}lsp/status").status_code == 200
    for kind in ("python-3.11", "python-3.9"):
        ask_for_the_debugger(server, kernels[kind])
    uid = pwd.getpwnam(person.name).pw_uid
    opened = {port for _, port, owner in listeners() if owner == uid}
    person.server_api("DELETE", f"terminals/{terminal}")
    assert opened == {server.port}


def ask_for_the_debugger(server: Server, kernel: str) -> None:
    """As JupyterLab does; returns when the kernel has answered a later question."""
    cookies = "; ".join(
        f"{c.name}={c.value}"
        for c in server.person.http.cookies.jar
        if c.path in ("/", server.base)
    )
    address = (
        f"{server.person.base.replace('https', 'wss')}{server.base}api/kernels/{kernel}/channels"
    )
    asked = {"type": "request", "seq": 1, "command": "initialize", "arguments": {}}
    with closing(
        websocket.create_connection(
            address,
            sslopt={"cert_reqs": ssl.CERT_NONE},
            cookie=cookies,
            origin=server.person.base,
            timeout=120,
        )
    ) as line:
        for kind, content in (("debug_request", asked), ("kernel_info_request", {})):
            header = {
                "msg_id": kind,
                "username": "",
                "session": "s",
                "msg_type": kind,
                "version": "5.3",
                "date": "",
            }
            empty: dict[str, Any] = {"parent_header": {}, "metadata": {}, "buffers": []}
            line.send(
                json.dumps({**empty, "header": header, "content": content, "channel": "control"})
            )
        while json.loads(line.recv())["msg_type"] != "kernel_info_reply":
            pass
