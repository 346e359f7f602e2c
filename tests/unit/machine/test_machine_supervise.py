"""Starting and stopping services with a real supervisord."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from machine_sites import demo, family
from session_parts import free_port
from tests.processes import has_ended
from tests.slurm import until

from sitekit.base.errors import Problem
from sitekit.machine.render.services_of_site import site_services
from sitekit.machine.supervisors import control, supervisord
from sitekit.machine.supervisors.control import SupervisordSupervisor
from sitekit.machine.supervisors.service import Service

PROGRAM = next(
    (
        p
        for p in (Path(sys.executable).with_name("supervisord"), shutil.which("supervisord"))
        if p and Path(p).exists()
    ),
    None,
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PROGRAM is None, reason="supervisord is not installed (scripts/requirements-test.txt)"
    ),
]
ME = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")

SERVER = Path(__file__).parent / "programs" / "listener.py"


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[SupervisordSupervisor]:
    made = SupervisordSupervisor(
        tmp_path / "s.conf", tmp_path / "s.sock", tmp_path / "log", Path(PROGRAM)
    )
    yield made
    # it may be about to end by itself, and to remove its file
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((tmp_path / "supervisord.pid").read_text()), signal.SIGTERM)


def write(supervisor: SupervisordSupervisor, services: list[Service]) -> list[Service]:
    for path, text in supervisor.files(services).items():
        path.write_text(text)
    return services


def server(tmp_path: Path, name: str, port: int, **more: object) -> Service:
    (tmp_path / "secret").write_text("SECRET=abc\n")
    command = (sys.executable, str(SERVER), str(port), str(tmp_path / f"{name}.env"))
    given = {
        "user": ME,
        "environment_files": (tmp_path / "secret",),
        "environment": {"PLAIN": "50% b"},
        "directory": tmp_path,
        "stop_seconds": 5,
    }
    return Service(name, name, command, ready=partial(listens, port), **(given | more))


def pid(supervisor: SupervisordSupervisor, service: Service) -> int | None:
    return supervisor.state(service).pid


def test_the_whole_life(
    supervisor: SupervisordSupervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LEAK", "leaked")
    first, second = write(
        supervisor,
        [server(tmp_path, "first", free_port()), server(tmp_path, "second", free_port())],
    )
    control.start([first, second], supervisor, within=120)
    assert (tmp_path / "first.env").read_text() == f"abc 50% b - {tmp_path}", (
        "the environment is the service's and no more"
    )
    assert {s.word for s in control.status([first, second], supervisor).values()} == {"running"}

    before = pid(supervisor, first)
    control.start([first, second], supervisor, within=120)
    assert pid(supervisor, first) == before, "what runs is left alone"

    control.start([first, second], supervisor, within=120, afresh=["second"])
    assert pid(supervisor, first) == before
    control.restart([first], supervisor, within=120)
    assert pid(supervisor, first) != before

    control.stop([first, second], supervisor)
    assert {s.word for s in control.status([first, second], supervisor).values()} == {"stopped"}
    assert not supervisor.control.exists(), "supervisord went with its last service"
    control.stop([first, second], supervisor)


def test_what_is_stopping_is_started_again(supervisor: SupervisordSupervisor, tmp_path: Path):
    """An apply that is interrupted while a service stops starts it again, though it needs its time
    to end."""
    made = server(tmp_path, "slow", port := free_port(), stop_seconds=100)
    slow = replace(made, command=(*made.command, str(end := tmp_path / "end")))
    control.start(write(supervisor, [slow]), supervisor, within=120)
    before = pid(supervisor, slow)
    with stopping(supervisor, slow, end):
        control.start([slow], supervisor, within=120)
    assert pid(supervisor, slow) not in (None, before) and listens(port)
    with stopping(supervisor, slow, end):
        control.stop([slow], supervisor)
    assert not listens(port)


@contextmanager
def stopping(supervisor: SupervisordSupervisor, service: Service, end: Path) -> Iterator[None]:
    """supervisord has been told to stop it by somebody who was interrupted then. The service ends
    a second later, by the file `end`."""
    end.unlink(missing_ok=True)
    asked = [
        str(PROGRAM).replace("supervisord", "supervisorctl"),
        "-s",
        f"unix://{supervisor.control}",
    ]
    with subprocess.Popen([*asked, "stop", service.name], stdout=subprocess.DEVNULL) as interrupted:
        until(lambda: supervisor.state(service).detail.startswith("STOPPING"), 120, every=0.02)
        interrupted.kill()
    ends = threading.Timer(1, end.touch)
    ends.start()
    yield
    ends.join()


def test_a_changed_section_restarts_that_service_only(
    supervisor: SupervisordSupervisor, tmp_path: Path
):
    first, second = server(tmp_path, "first", free_port()), server(tmp_path, "second", free_port())
    control.start(write(supervisor, [first, second]), supervisor, within=120)
    before = pid(supervisor, first)
    moved = server(tmp_path, "second", free_port())
    control.start(write(supervisor, [first, moved]), supervisor, within=120)
    assert pid(supervisor, first) == before and moved.ready()
    assert not second.ready(), "the old one is gone"
    control.stop([first, moved], supervisor)


def test_one_that_dies_is_named_with_its_last_words(
    supervisor: SupervisordSupervisor, tmp_path: Path
):
    good, bad = (
        server(tmp_path, "good", free_port()),
        Service("bad", "bad", ("/bin/sh", "-c", "echo the disk is full; exit 3"), user=ME),
    )
    write(supervisor, [good, bad])
    with pytest.raises(
        Problem, match=r"(?s)bad: ends by itself.*the disk is full.*all of it: less "
    ):
        control.start([good, bad], supervisor, within=300)
    assert control.status([good, bad], supervisor)["good"].word == "running"
    control.stop([good, bad], supervisor)


def test_one_that_dies_late_is_not_waited_for_to_the_end(
    supervisor: SupervisordSupervisor, tmp_path: Path
):
    """Up long enough for supervisord to call it running, and never ready."""
    late = Service(
        "late",
        "late",
        ("/bin/sh", "-c", "sleep 1.3; echo no such key; exit 1"),
        user=ME,
        ready=lambda: False,
    )
    write(supervisor, [late])
    with pytest.raises(Problem, match=r"(?s)late: ends by itself, again and again.*no such key"):
        control.start([late], supervisor, within=500)
    control.stop([late], supervisor)


def test_one_that_does_not_answer_is_named(supervisor: SupervisordSupervisor, tmp_path: Path):
    deaf = Service(
        "deaf",
        "deaf",
        ("/bin/sh", "-c", "echo still thinking; exec sleep 6000"),
        user=ME,
        ready=lambda: False,
    )
    write(supervisor, [deaf])
    for seconds in (2, 20, 200):  # a slow machine needs them for its first words
        with pytest.raises(Problem, match=f"deaf: did not become ready within {seconds} s") as told:
            control.start([deaf], supervisor, within=seconds)
        if "still thinking" in str(told.value):
            break
    assert "still thinking" in str(told.value)
    assert control.status([deaf], supervisor)["deaf"].word == "starting"
    control.stop([deaf], supervisor)


def test_children_outlive_a_hub_and_no_other_service(
    supervisor: SupervisordSupervisor, tmp_path: Path
):
    def child(name: str) -> Path:
        return tmp_path / f"{name}.child"

    def parent(name: str, mode: str) -> Service:
        script = f"sleep 6000 & echo $! > {child(name)}; wait"
        return Service(
            name,
            name,
            ("/bin/sh", "-c", script),
            user=ME,
            kill_mode=mode,
            ready=lambda: child(name).exists() and child(name).read_text().endswith("\n"),
        )

    services = write(supervisor, [parent("hub", "process"), parent("proxy", "control-group")])
    control.start(services, supervisor, within=120)
    hubs, proxys = (int(child(name).read_text()) for name in ("hub", "proxy"))
    control.stop(services, supervisor)
    try:
        until(lambda: has_ended(proxys), 120)
        assert not has_ended(hubs)
    finally:
        os.kill(hubs, signal.SIGKILL)


def test_one_that_is_silent_is_not_waited_for_for_ever(
    supervisor: SupervisordSupervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(supervisord, "_ANSWER_TIMEOUT", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(supervisor.control))
        silent.listen()
        assert supervisor.state(Service("hub", "", ())).word == "stopped"


def test_without_files_the_remedy_is_apply(supervisor: SupervisordSupervisor):
    with pytest.raises(Problem, match="sudo make apply"):
        control.start([], supervisor)


def test_another_program_on_the_port_is_not_the_service():
    """One that takes connections, and one that answers HTTP to everything."""
    with Everything() as first, Everything() as second, Everything() as third:
        ports = [first.server_address[1], second.server_address[1], third.server_address[1]]
        front = {"url": f"https://localhost:{ports[2]}"}
        site = demo(front=front, proxy={"api_port": ports[0]}, hub={"port": ports[1]})
        assert [service.ready() for service in site_services(site, family())] == [
            False,
            False,
            False,
        ]
        assert all(server.asked == [] for server in (first, third)), "the token went to a stranger"


class Everything(ThreadingHTTPServer):
    """Answers 200 and an empty mapping."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def test_one_that_cannot_start_is_tried_for_ever(supervisor: SupervisordSupervisor, tmp_path: Path):
    """As when `current` dangles, or the filesystem below it is away. What it lacks comes back, and
    so does it."""
    program, attempts = tmp_path / "current", set()
    program.symlink_to(sys.executable)
    real = server(tmp_path, "late", free_port())
    late = replace(real, command=(str(program), *real.command[1:]), environment_files=())
    control.start(write(supervisor, [late]), supervisor, within=120)
    program.unlink()
    os.kill(pid(supervisor, late), signal.SIGKILL)
    while len(attempts) < 7:
        state = supervisor.state(late)
        assert state.word in ("running", "starting") or state.detail.startswith("EXITED"), state
        attempts.add(state.attempt)
        time.sleep(0.2)
    program.symlink_to(sys.executable)
    control.start([late], supervisor, within=120)  # at once, not after the pause
    control.stop([late], supervisor)
