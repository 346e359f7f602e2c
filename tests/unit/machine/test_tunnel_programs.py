"""The two programs beside the site's own sshd: which rights a certificate gets, and which
connections are ended."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from tests.processes import has_ended
from tests.slurm import until

from sitekit.base.data_files import data

TAG = "0123456789abcdef"
LINE = (
    'restrict,port-forwarding,permitopen="127.0.0.1:8081",permitlisten="127.0.0.1:31000",'
    f'command="/bin/false" {TAG}\n'
)


@pytest.fixture
def libexec(tmp_path: Path) -> Path:
    for name in ("entries", "connections"):
        (tmp_path / name).mkdir()
    for name in ("tunnel_principals", "tunnel_sshd"):
        shutil.copy(data(f"scripts/{name}"), tmp_path)
    settings = {name: str(tmp_path / name) for name in ("entries", "connections")}
    settings |= {"ports": [31000, 31019], "hub": "127.0.0.1:8081", "sshd_config": "/nonexistent"}
    (tmp_path / "tunnel.json").write_text(json.dumps(settings))
    return tmp_path


def principals(libexec: Path, *words: str) -> str:
    argv = [libexec / "tunnel_principals", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_an_open_tunnel_gets_its_own_port_and_the_hubs(libexec: Path) -> None:
    assert principals(libexec, TAG) == ""
    (libexec / "entries" / TAG).write_text("31000")
    assert principals(libexec, TAG) == LINE
    assert principals(libexec, "f" * 16) == ""


def test_the_connection_is_recorded_with_the_start_of_its_process(libexec: Path) -> None:
    principals(libexec, TAG)
    [record] = (libexec / "connections").iterdir()
    assert record.name == f"{os.getpid()}-{TAG}"
    assert record.read_text() == Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]


@pytest.mark.parametrize(
    "words",
    [(), ("",), ("../entries/" + TAG,), (TAG, TAG), (TAG.upper(),), (TAG + "\n",), (TAG[:-1],),
     (f"{TAG} root",), (f'{TAG}",permitopen="*:*',)],
    ids=repr,
)  # fmt: skip
def test_another_key_id_gets_and_records_nothing(libexec: Path, words: tuple[str, ...]) -> None:
    (libexec / "entries" / TAG).write_text("31000")
    assert principals(libexec, *words) == ""
    assert not list((libexec / "connections").iterdir())


@pytest.mark.parametrize(
    "content",
    ["", "0", "30999", "31020", "8081", "031000", "+31000", " 31000", "31000 31001", "31_000",
     '31000",permitlisten="127.0.0.1:8001', "31000\n\n", "31000\0", "x" * 100],
    ids=repr,
)  # fmt: skip
def test_another_text_than_a_port_of_the_site_gives_no_right(libexec: Path, content: str) -> None:
    (libexec / "entries" / TAG).write_text(content)
    assert principals(libexec, TAG) == ""


def test_what_is_no_file_gives_no_right(libexec: Path) -> None:
    entry = libexec / "entries" / TAG
    (libexec / "port").write_text("31000")
    for make in (
        lambda: entry.symlink_to(libexec / "port"),
        lambda: os.mkfifo(entry),
        lambda: entry.mkdir(),
    ):
        make()
        assert principals(libexec, TAG) == ""
        entry.rmdir() if entry.is_dir() else entry.unlink()


def sshd_program(libexec: Path) -> ModuleType:
    loader = SourceFileLoader("tunnel_sshd", str(libexec / "tunnel_sshd"))
    spec = spec_from_loader("tunnel_sshd", loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def connection() -> Iterator[subprocess.Popen[str]]:
    """A process with a child process, as sshd has for each connection."""
    words = ["sh", "-c", "sleep 600 & echo $!; wait"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        yield process
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def recorded(libexec: Path, pid: int) -> Path:
    started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    place = libexec / "connections" / f"{pid}-{TAG}"
    place.write_text(started)
    return place


def test_a_connection_ends_with_its_tunnel(
    libexec: Path, connection: subprocess.Popen[str]
) -> None:
    assert connection.stdout
    child = int(connection.stdout.readline())
    place, program = recorded(libexec, connection.pid), sshd_program(libexec)
    config = json.loads((libexec / "tunnel.json").read_text())
    (libexec / "entries" / TAG).write_text("31000")
    program.end_connections(config)
    assert connection.poll() is None and place.exists()
    (libexec / "entries" / TAG).unlink()
    program.end_connections(config)
    assert connection.wait(120) == -9
    until(lambda: has_ended(child), 120)
    program.end_connections(config)
    assert not place.exists()


def test_another_process_of_the_same_number_is_left_alone(
    libexec: Path, connection: subprocess.Popen[str]
) -> None:
    place, program = recorded(libexec, connection.pid), sshd_program(libexec)
    place.write_text("1")
    (libexec / "connections" / "notes").write_text("of somebody")
    program.end_connections(json.loads((libexec / "tunnel.json").read_text()))
    assert connection.poll() is None and not place.exists()


NAMED = """
import ctypes, sys
ctypes.CDLL(None).prctl(15, bytes([255, 41, 32, 10]))  # PR_SET_NAME
print(1, flush=True)
sys.stdin.read()
"""


def test_a_program_with_any_name_is_examined(libexec: Path) -> None:
    """Every account can start a program, and choose its name."""
    words = [sys.executable, "-c", NAMED]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as odd:
        assert odd.stdout and odd.stdout.readline() == b"1\n"
        assert sshd_program(libexec).fields_of(odd.pid)[1] == str(os.getpid())
