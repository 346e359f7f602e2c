"""What a machine lacks for tunnels: sshd, and ports that nobody else gets."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import threading
from pathlib import Path

import pytest
from golden_sites import site_of
from machine_sites import bare_machine

from sitekit.machine.checks.network import LOCAL_PORTS, _servers_ports
from sitekit.machine.checks.preconditions import unmet_preconditions
from sitekit.machine.supervisors.check_services_answer import tunnel_answers

SITE, _ = site_of("demo-tunnel")


def test_a_machine_without_sshd_is_refused_with_the_package(tmp_path: Path) -> None:
    machine = bare_machine(tmp_path)

    def missing() -> list[str]:
        return [
            one.remedy or "" for one in unmet_preconditions(SITE, machine) if "sshd" in one.what
        ]

    assert missing() == ["install the package openssh-server; its own service need not run"]
    (machine / "usr/sbin").mkdir(parents=True)
    (machine / "usr/sbin/sshd").touch()
    assert missing() == []


@pytest.mark.parametrize(
    ("ports", "warned"),
    [
        ((10000, 19999), False),
        ((30000, 32767), False),
        ((30000, 39999), True),
        ((61000, 62000), False),
        ((60999, 62000), True),
    ],
)
def test_ports_of_outgoing_connections_are_warned_of(ports: tuple[int, int], warned: bool) -> None:
    found = list(_servers_ports(ports, "32768\t60999\n"))
    assert bool(found) == warned
    assert all(one.where == "slurm.ssh.tunnel.ports" and not one.refuses for one in found)


def test_this_machine_says_which_ports_these_are() -> None:
    low, high = LOCAL_PORTS.read_text().split()
    assert 0 < int(low) < int(high) < 65536


def test_sshd_is_known_by_its_account_and_its_greeting() -> None:
    """A program of another account at sshd's port is not taken for sshd."""
    me = pwd.getpwuid(os.getuid()).pw_name
    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.listen()
        port = listener.getsockname()[1]
        for user, expected in ((me, True), ("nobody", False)):
            assert SITE.slurm.ssh and SITE.tunnel
            changed = SITE.tunnel.model_copy(update={"port": port, "user": user})
            ssh = SITE.slurm.ssh.model_copy(update={"tunnel": changed})
            site = SITE.model_copy(update={"slurm": SITE.slurm.model_copy(update={"ssh": ssh})})
            assert answered(listener, site) == expected


def answered(listener: socket.socket, site: object) -> bool:
    """Ask while a program greets whoever connects, as sshd does."""
    over = threading.Event()

    def greet() -> None:
        while not over.is_set():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"SSH-2.0-test\r\n")

    thread = threading.Thread(target=greet)
    thread.start()
    try:
        return tunnel_answers(site)  # type: ignore[arg-type]
    finally:
        over.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()
