"""The walk of tests/attacks once more where units and a journal are: what an account reads, writes
and is told."""

from __future__ import annotations

import pwd
import re
from pathlib import Path

import pytest

from sitekit.demo.cluster import paths_and_ports

from ..prowl import first_of, found_in, holders, installed, may, secrets_of
from .booted import Booted

USERS = ("bob", "nobody", "www-data")
PLACES = ("/dev/shm", "/etc", "/home", "/run", "/usr/local", "/var")
UNIT = "sitekit-demo-*"
SITE = paths_and_ports.demo_site("systemd")


@pytest.fixture(scope="module")
def secrets(machine: Booted) -> dict[str, bytes]:
    return secrets_of(SITE, machine)


@pytest.fixture(scope="module")
def found(machine: Booted, secrets: dict[str, bytes]) -> dict[Path, set[str]]:
    return holders(machine, secrets, map(Path, PLACES), first_of(SITE, machine))


@pytest.mark.parametrize("user", USERS)
def test_no_file_of_a_booted_machine_shows_a_secret(
    machine: Booted, found: dict[Path, set[str]], user: str
) -> None:
    assert SITE.etc / "proxy.env" in found and SITE.database in found
    assert may(machine, user, "R_OK", found) == set()


@pytest.fixture(scope="module")
def paths(machine: Booted) -> list[Path]:
    """Without sockets, which the demo cluster has: tests/attacks says which."""
    found = installed(SITE, machine)
    assert Path("/etc/systemd/system/sitekit-demo-hub.service") in found
    return [path for path in found if not (machine.root / path.relative_to("/")).is_socket()]


@pytest.mark.parametrize("user", USERS)
def test_nobody_can_write_to_units_and_what_they_use(
    machine: Booted, paths: list[Path], user: str
) -> None:
    home = Path(pwd.getpwnam(user).pw_dir)
    assert [
        path for path in may(machine, user, "W_OK", paths) if not path.is_relative_to(home)
    ] == []


def test_systemd_and_the_journal_tell_an_account_nothing(
    machine: Booted, secrets: dict[str, bytes]
) -> None:
    """Whatever a unit was told stands in its properties, which everybody may ask for."""
    as_alice = ("setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "--")
    told = machine.run(*as_alice, "systemctl", "show", "--all", UNIT).stdout
    told += machine.run(*as_alice, "systemctl", "cat", UNIT).stdout
    assert re.search(r"ExecStart=.*jupyterhub", told) and "EnvironmentFile" in told
    assert found_in(told.encode(), secrets) == set()
    journal = machine.run(
        *as_alice, "journalctl", "--no-pager", "--output=cat", "--unit", UNIT, check=False
    ).stdout
    assert "JupyterHub" not in journal
    assert (
        found_in(
            machine.run("journalctl", "--no-pager", "--output=verbose").stdout.encode(), secrets
        )
        == set()
    )
