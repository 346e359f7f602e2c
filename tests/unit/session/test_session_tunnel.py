"""The session's part of tunnels: the key stays in memory, and ssh does what the site says alone."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from tests.processes import has_ended
from tests.slurm import until

import sitekit
from sitekit.session.hub_connection import tunnel
from sitekit.session.hub_connection.tunnel import SENT, Tunnel, take_tunnel

TO = {
    "host": "hub.example.org",
    "port": 8022,
    "user": "jupyterhub-tunnel",
    "host_key": "ssh-ed25519 AAAA",
    "listen": 12000,
    "key": "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END OPENSSH PRIVATE KEY-----\n",
    "certificate": "ssh-ed25519-cert-v01@openssh.com AAAA",
}


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Tunnel:
    monkeypatch.setenv(SENT, json.dumps(TO))
    for name, path in zip(tunnel.ADDRESSES, ("", "/users/alice/activity"), strict=True):
        monkeypatch.setenv(name, f"https://127.0.0.1:8081/hub/api{path}")
    found = take_tunnel()
    assert found
    return found


def test_the_environment_has_the_key_no_more(taken: Tunnel) -> None:
    assert SENT not in os.environ and take_tunnel() is None


def test_the_command_line_names_files_in_memory(taken: Tunnel) -> None:
    words = taken._command(20001, 8081)
    options = dict(word.split("=", 1) for word in words if "=" in word)
    assert words[:4] == ["/usr/bin/ssh", "-N", "-F", "/dev/null"] and words[-2:] == [
        "--",
        TO["host"],
    ]
    assert options["RemoteForward"] == "127.0.0.1:12000 127.0.0.1:20001"
    assert options["LocalForward"] == f"127.0.0.1:{taken.port} 127.0.0.1:8081"
    for option, content in (
        ("IdentityFile", TO["key"]),
        ("CertificateFile", f"{TO['certificate']}\n"),
        ("UserKnownHostsFile", f"hub {TO['host_key']}\n"),
    ):
        file = Path(options[option])
        assert file.read_text() == content
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert os.readlink(file).startswith("/memfd:")
    assert "secret" not in " ".join(words)


def test_ssh_understands_each_option(taken: Tunnel) -> None:
    words = taken._command(20001, 8081)
    done = subprocess.run([words[0], "-G", *words[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert said["stricthostkeychecking"] == "true" and said["batchmode"] == "yes"
    assert said["exitonforwardfailure"] == "yes" and said["hostname"] == TO["host"]


def test_the_local_port_is_kept_for_ssh(taken: Tunnel) -> None:
    """A program that asks for any port does not get it; ssh, which sets SO_REUSEADDR, listens."""
    with socket.socket() as ssh:
        ssh.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ssh.bind(("127.0.0.1", taken.port))
        ssh.listen()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", taken.port))


def test_an_outage_is_said_once_and_the_hub_is_looked_for_at_the_local_port(
    taken: Tunnel, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Enough(BaseException):
        """Ends the loop, which would run for ever."""

    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 6:
            raise Enough

    monkeypatch.setattr(tunnel.time, "sleep", wait)
    with pytest.raises(Enough):
        taken._keep(["/bin/sh", "-c", "echo first >&2; echo no route >&2; exit 255"])
    said = capfd.readouterr().out
    assert said == "sitekit: no tunnel to hub.example.org, port 8022: no route; trying again\n"
    assert pauses == [1, 2, 4, 8, 15, 15]


def test_a_node_without_ssh_is_said(taken: Tunnel) -> None:
    assert tunnel._connection(["/nonexistent/ssh"]).startswith("there is no /nonexistent/ssh on ")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_variables_name_the_local_port(taken: Tunnel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is behind it here, so that the start goes on after the first message of ssh.

    The thread that keeps the tunnel ends at its second connection. It would go on for ever, and
    print and sleep during other tests.
    """
    told = iter(["no route"])

    def connection(words: list[str]) -> str:
        for one in told:
            return one
        raise SystemExit

    monkeypatch.setattr(tunnel, "_connection", connection)
    taken.open(20001)
    place = f"https://127.0.0.1:{taken.port}/hub/api"
    assert os.environ["JUPYTERHUB_API_URL"] == place
    assert os.environ["JUPYTERHUB_ACTIVITY_URL"] == f"{place}/users/alice/activity"
    for thread in threading.enumerate():
        if thread.name == "tunnel":
            thread.join(60)
            assert not thread.is_alive()


def test_ssh_ends_with_the_server_and_not_at_sigterm(tmp_path: Path) -> None:
    """As Slurm ends a job: SIGTERM to all processes; the server ends after its report to the hub."""
    words = [os.sys.executable, Path(__file__).parent / "programs" / "start_ssh_child.py"]
    scripts = str(Path(sitekit.__file__).parents[1])
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": scripts}
    ) as server:
        assert server.stdout
        pid, ended = server.stdout.readline().split()
        assert ended == "None"
        server.kill()
        server.wait()
    until(lambda: has_ended(pid))
