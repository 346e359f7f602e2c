"""The program of a job, for real: JupyterHub's single-user server in a release's Python, a small
server as its hub."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import HTTPError

import kernel_site
import pytest
import session_parts as parts
from session_parts import Hub, Server, session, until
from tests.ports import free_port
from tests.processes import has_ended

from sitekit.backends.start_and_job_records import Cause, Ending
from sitekit.hub.messages.ended_cards import card_of
from sitekit.session.single_user import await_hub

pytestmark = pytest.mark.usefixtures("hub_environment")


def test_it_listens_tells_its_port_once_and_ends_well_on_sigterm() -> None:
    with session() as (hub, server):
        callbacks = [
            (token, body) for path, token, body in hub.heard if path.endswith("/sitekit/listening")
        ]
        assert callbacks == [("token the-servers", {"port": server.port})]
        assert 20000 <= server.port <= 29999
        assert server.ask("GET", "api/status")["kernels"] == 0
        assert [path.name for path in server.tmp.iterdir() if path.name.startswith("jupyter-")]
        kernel = server.ask("POST", "api/kernels", {"name": "own"})
        until(lambda: kernels_of(server), server.said)
        children = kernels_of(server)
        assert kernel["name"] == "own"
        server.process.terminate()
        assert server.ends() == 0, server.said()
        assert not [path.name for path in server.tmp.iterdir() if path.name.startswith("jupyter-")]
        for child in children:
            until(lambda child=child: has_ended(child))


def kernels_of(server: Server) -> list[int]:
    found = subprocess.run(
        ["pgrep", "-P", str(server.process.pid), "-f", "ipykernel_launcher"],
        capture_output=True,
        text=True,
    ).stdout
    return [int(pid) for pid in found.split()]


def test_it_ends_well_with_a_kernel_that_does_not_listen() -> None:
    with session() as (_, server):
        kernel = server.ask("POST", "api/kernels", {"name": "own"})["id"]
        busy(
            server,
            kernel,
            "import signal, time\nsignal.signal(2, signal.SIG_IGN)\ntime.sleep(9999)",
        )
        [child] = kernels_of(server)
        server.process.terminate()
        assert server.ends() == 0, server.said()
        until(lambda: has_ended(child))


def busy(server: Server, kernel: str, code: str) -> None:
    """Let a kernel compute; returns when it has begun, and the server sees it busy."""
    import json
    import uuid

    import websocket

    header = {
        "msg_id": uuid.uuid4().hex,
        "username": "",
        "session": uuid.uuid4().hex,
        "version": "5.3",
    }
    message = {
        "header": {**header, "msg_type": "execute_request", "date": ""},
        "parent_header": {},
        "metadata": {},
        "content": {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
        },
        "channel": "shell",
        "buffers": [],
    }
    line = websocket.create_connection(
        f"ws://127.0.0.1:{server.port}/user/u/api/kernels/{kernel}/channels",
        header={"Authorization": f"token {parts.USER_TOKEN}"},
        timeout=180,
    )
    line.send(json.dumps(message))
    while True:  # the requests of the kernel's start make it busy too
        told = json.loads(line.recv())
        if (told["msg_type"], told["parent_header"].get("msg_id")) == (
            "execute_input",
            header["msg_id"],
        ):
            break
    until(
        lambda: server.ask("GET", f"api/kernels/{kernel}")["execution_state"] == "busy", server.said
    )
    line.close()


def test_sigterm_while_it_waits_for_the_hub_ends_it_well() -> None:
    with tempfile.TemporaryDirectory(prefix="sitekit-test-session-") as folder:
        server = Server(parts.free_port(), Path(folder))
        try:
            until(lambda: "no answer of the hub yet" in server.said(), server.said)
            server.process.terminate()
            assert server.ends() == 0, server.said()
        finally:
            server.close()


def test_it_waits_for_a_hub_that_is_away() -> None:
    port = parts.free_port()
    with tempfile.TemporaryDirectory(prefix="sitekit-test-session-") as folder:
        server = Server(port, Path(folder), http_proxy="http://127.0.0.1:9")
        try:
            until(lambda: "no answer of the hub yet" in server.said(), server.said)
            assert server.process.poll() is None
            hub = Hub(port)
            try:
                server.listening(hub)
                assert server.said().count("no answer") == 1
            finally:
                hub.close()
        finally:
            server.close()


def test_another_service_is_no_hub_and_a_node_without_one_gives_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with another_service() as port:
        api = f"http://127.0.0.1:{port}/hub/api"
        with pytest.raises(
            SystemExit, match=r"the hub did not answer at .* within 0 s .*404.*; giving up"
        ):
            await_hub(api, timeout=0)
    with pytest.raises(SystemExit, match="giving up"):
        await_hub(api, timeout=0)
    assert "Traceback" not in capsys.readouterr().out


@contextmanager
def another_service() -> Iterator[int]:
    """A web server with its own idea of what is there: nothing."""
    with HTTPServer(("127.0.0.1", 0), NothingThere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class NothingThere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_kernels_and_terminals_go_first_when_memory_is_short() -> None:
    """What they start as well; and the server itself last."""
    with session() as (_, server):
        server.ask("POST", "api/kernels", {"name": "own"})
        server.ask("POST", "api/terminals", {})
        until(lambda: len(children_of(server)) >= 2, server.said)
        until(
            lambda: {score(child) for child in children_of(server)} - {None} == {500}, server.said
        )
        assert score(server.process.pid) == score(os.getpid())


def children_of(server: Server) -> list[int]:
    listed = subprocess.run(
        ["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True
    ).stdout
    return [int(pid) for pid in listed.split()]


def score(pid: int) -> int | None:
    """None for one that has ended meanwhile."""
    try:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())
    except OSError:
        return None


def test_it_ends_when_the_hub_does_not_want_it() -> None:
    hub = Hub()
    hub.answer = 403
    with tempfile.TemporaryDirectory(prefix="sitekit-test-session-") as folder:
        server = Server(hub.port, Path(folder))
        try:
            assert server.ends() == 0, server.said()
            assert "no longer accepts this server" in server.said()
            assert (hub.refused, hub.port_told()) == (1, None)
        finally:
            server.close()
            hub.close()


TELL = "import asyncio, sys; sys.path.insert(0, {!r}); from sitekit.session.single_user import tell_hub; {}"


def test_it_gives_up_when_something_else_answers_in_the_hubs_place() -> None:
    """Its user reads that the node cannot reach the hub."""
    hub = Hub()
    hub.answer = 404
    try:
        program = TELL.format(str(parts.SCRIPTS), "asyncio.run(tell_hub(20001, None, 1))")
        environment = {
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.port}/hub/api",
            "JUPYTERHUB_API_TOKEN": "x",
        }
        argv = [kernel_site.release() / "bin" / "python", "-I", "-c", program]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=180)
    finally:
        hub.close()
    assert (done.returncode, hub.port_told()) == (-signal.SIGTERM, None) and hub.refused, done
    card = card_of(
        Ending("7", Cause.COMPLETED), {}, (), tuple(done.stdout.splitlines()), starting=True
    )
    assert card and card.kind == "network" and "404" in card.lines[-1]


@pytest.mark.parametrize("code", [500, 503, 429, 404])
def test_it_tells_again_when_the_hub_stumbles(code: int) -> None:
    hub = Hub()
    hub.answer = code
    with tempfile.TemporaryDirectory(prefix="sitekit-test-session-") as folder:
        server = Server(hub.port, Path(folder))
        try:
            until(lambda: hub.refused >= 2, server.said)
            hub.answer = 204
            server.listening(hub)
        finally:
            server.close()
            hub.close()


def test_it_lives_on_when_the_hub_had_heard_its_port_before() -> None:
    """The hub was killed between its commit and its answer; the next one says 409 to the same port."""
    hub = Hub()
    hub.answer = 409
    with tempfile.TemporaryDirectory(prefix="sitekit-test-session-") as folder:
        server = Server(hub.port, Path(folder))
        try:
            until(lambda: hub.refused == 1, server.said)
            until(lambda: hub.activity(), server.said)
            time.sleep(1)  # it would end within this time
            assert server.process.poll() is None, server.said()
        finally:
            server.close()
            hub.close()


def test_it_takes_a_port_that_is_free_and_says_so_when_none_is() -> None:
    port = free_port()  # no connection of another program gets it before the server does
    with socket.socket() as taken:
        taken.bind(("", port))
        taken.listen()
        with (
            pytest.raises(AssertionError, match=f"no free port from {port} to {port}"),
            session({"port_range": [port, port]}),
        ):
            pass
    with session({"port_range": [port, port]}) as (hub, _):
        assert hub.port_told() == port


def test_nobody_gets_in_without_the_hubs_word() -> None:
    with session() as (_, server):
        for token in (None, "another"):
            for path in ("sitekit/notice", "api/kernels"):
                with pytest.raises(HTTPError) as refused:
                    server.ask("GET", path, token=token)
                assert refused.value.code == 403


def test_a_tree_and_the_users_variables_arrive_where_they_should() -> None:
    settings = {"root": "~/.jupyterhub-tree", "links": {"home": "~", "work": "/nonexistent/{user}"}}
    hub = Hub()
    with tempfile.TemporaryDirectory(prefix="sitekit-test-session-") as folder:
        (Path(folder) / "home").mkdir()
        profile = "export WANTED=yes OTHER=no PYTHONPATH=$HOME/evil; mkdir -p ran\n"
        (Path(folder) / "home" / ".profile").write_text(profile)
        server = Server(hub.port, Path(folder), {**settings, "user_variables": ["WANTED"]})
        try:
            server.listening(hub)
            shown = [entry["name"] for entry in server.ask("GET", "api/contents")["content"]]
            assert shown == ["home"]
            kernel = server.ask("POST", "api/kernels", {"name": "own"})["id"]
            busy(server, kernel, "import time; time.sleep(9999)")
            [child] = kernels_of(server)
            environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
            assert b"WANTED=yes" in environment
            assert not [
                entry for entry in environment if entry.startswith((b"OTHER=", b"PYTHONPATH="))
            ]
            started_with = Path(f"/proc/{server.process.pid}/environ").read_bytes()
            assert b"WANTED" not in started_with.replace(b'"WANTED"', b"")
        finally:
            server.close()
            hub.close()


def test_reading_is_no_activity_and_a_person_is() -> None:
    with session() as (_, server):
        first = server.ask("GET", "api/status")["last_activity"]
        for path in (
            "api/contents",
            "api/kernels",
            "api/sessions",
            "api/terminals",
            "sitekit/notice",
        ):
            server.ask("GET", path)
        layout = {"data": {}, "metadata": {"id": "default"}}
        server.ask("PUT", "lab/api/workspaces/default", layout)
        assert server.ask("GET", "api/status")["last_activity"] == first
        told = server.ask("POST", "sitekit/notice", {})
        assert 3500 < told["idle"] <= 3600 and told["idle_warning"] == 600
        assert 6000 < told["time"] <= 7200
        assert server.ask("GET", "api/status")["last_activity"] > first


@pytest.mark.parametrize("rule", ["keep", "stop"])
def test_a_busy_kernel_is_activity_where_the_tier_says_so(rule: str) -> None:
    quick = {"JUPYTERHUB_ACTIVITY_INTERVAL": "1", "JUPYTERHUB_SITEKIT_BUSY": rule}
    with session(**quick) as (hub, server):
        kernel = server.ask("POST", "api/kernels", {"name": "own"})["id"]
        busy(server, kernel, "import time; time.sleep(9999)")
        before = until(lambda: activity_at_rest(server), server.said)
        if rule == "keep":
            until(lambda: max(hub.activity(), default="") > before, server.said)
            until(lambda: server.ask("GET", "sitekit/notice")["idle"] > 3580)
        else:
            reports = len(hub.activity())
            time.sleep(17)  # a look at the kernels is due every 15 s
            assert server.ask("GET", "api/status")["last_activity"] == before
            until(lambda: len(hub.activity()) > reports, lambda: "the server tells nothing")
            assert max(hub.activity()) == before


def activity_at_rest(server: Server) -> str | None:
    """The time of the last activity; None if it changes within three seconds. The start of a kernel
    sets off some activity, which can come late."""
    told: str = server.ask("GET", "api/status")["last_activity"]
    time.sleep(3)
    return told if server.ask("GET", "api/status")["last_activity"] == told else None


def test_it_needs_little_memory() -> None:
    with session() as (_, server):
        resident = next(
            int(line.split()[1]) // 1024
            for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        )
        assert resident < 200, f"{resident} MB"
