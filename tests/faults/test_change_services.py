"""What runs while a site changes: services begin, stop and move; and when one does not come up, all
are as they were.

A real supervisord, a real Apache; in the place of proxy and hub two programs that listen where
those would.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sitekit.site import Site
from sitekit.site.show import dump

from ..front.conftest import bare, install
from ..front.elsewhere import Elsewhere, elsewhere
from ..processes import processes
from ..slurm import until

PREFIX = "/opt/sitekit/none"
PORT = 18443
PROGRAM = Path(__file__).parent / "programs" / "service.py"
# Everything below /etc: kind, path, mode, owner, where it points, and the hashes of the contents.
ETC = (
    "find /etc -printf '%y %p %m %U %G %l\n' | sort; find /etc -type f -exec sha256sum {} + | sort"
)
LISTENS = f"import socket, time; kept = socket.create_server(('', {PORT})); time.sleep(600)"


@dataclass
class Machine:
    """A place with a site in it; `said` is what the last command said."""

    place: Elsewhere
    file: Path
    said: str = ""

    def kit(self, command: str, *words: str, **changes: object) -> int:
        """A command of the kit for the site with these changes; how it ends."""
        self.file.write_text(dump(site(**changes)))
        done = self._run(command, *words, file=self.file)
        self.said = done.stdout + done.stderr
        return done.returncode

    def states(self) -> dict[str, str]:
        """The word of each service, by the site as it was applied."""
        told = self._run("status", file="/etc/sitekit/moving/site.yml").stdout
        rows = (line.split() for line in told.splitlines() if line.startswith("sitekit-moving-"))
        return {row[0].removeprefix("sitekit-moving-"): row[1] for row in rows}

    def comes_to(self, states: dict[str, str]) -> bool:
        """Whether the services come to these states: a busy machine may answer late."""
        return bool(until(lambda: self.states() == states))

    def _run(self, *words: str, file: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {
            "SITE": str(file),
            "PYTHONPATH": ":".join(sys.path),
            "PATH": os.environ["PATH"],
        }
        return self.place.run(sys.executable, "-m", "sitekit", *words, env=environment, check=False)

    @property
    def etc(self) -> str:
        return self.place.run("sh", "-c", ETC).stdout

    def pid(self, part: str) -> int:
        """The main process of a service, as the namespaces of processes, which are shared, have it."""
        control = [
            f"{PREFIX}/current/bin/supervisorctl",
            "-c",
            "/etc/sitekit/moving/supervisord.conf",
        ]
        return int(self.place.run(*control, "pid", f"sitekit-moving-{part}").stdout)


def words(path: Path) -> bytes:
    """The command line of a process that may just have ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def site(**changes: object) -> Site:
    made = bare("moving", {"url": f"https://localhost:{PORT}"} | dict(changes.pop("front", {})))
    values = made.model_dump(mode="json")
    for key, change in changes.items():
        values[key] = values[key] | change if isinstance(change, dict) else change
    return Site.model_validate(values)


PYTHON = """#!/bin/sh
# This release has no JupyterHub that could read its configuration.
case "$*" in *JupyterHub*) exit 0 ;; esac
exec /usr/bin/python3 "$@"
"""
RUNS = {"proxy": "running", "hub": "running", "front": "running"}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    install("apache2", "openssl")
    folder = tmp_path_factory.mktemp("moving")
    (folder / "own").mkdir()
    with elsewhere(folder / "own", "var run usr/local opt") as place:
        place.copy_etc(folder / "own")
        place.run("groupadd", "-f", "jupyter-users")
        bin_ = f"{PREFIX}/current/bin"
        place.run("mkdir", "-p", bin_)
        program = PROGRAM.read_text()
        for name in ("configurable-http-proxy", "jupyterhub"):
            place.run(
                "sh", "-c", f"umask 022; cat >{bin_}/{name}; chmod 755 {bin_}/{name}", input=program
            )
        for name in ("supervisord", "supervisorctl"):
            place.run("ln", "-s", Path(sys.executable).with_name(name), f"{bin_}/{name}")
        place.run(
            "sh", "-c", f"umask 022; cat >{bin_}/python; chmod 755 {bin_}/python", input=PYTHON
        )
        found = Machine(place, folder / "site.yml")
        before = found.etc
        try:
            assert found.kit("apply") == 0, found.said
            assert found.kit("start") == 0, found.said
            yield found
        finally:
            # By a site file that says something else: what goes is what was applied.
            changed = {
                "supervisor": "systemd",
                "paths": {"state": "/var/elsewhere"},
                "hub": {"user": "another"},
            }
            assert found.kit("uninstall", "purge", **changed) == 0, found.said
            until(
                lambda: (
                    not any(
                        f"{PREFIX}/".encode() in words(folder / "cmdline") for folder in processes()
                    )
                )
            )
            assert found.etc == before


def test_a_hub_that_moves_and_does_not_come_up_is_put_back_with_the_proxy(machine: Machine):
    """Both listen elsewhere by then: those of before are waited for where they listened before."""
    before = machine.etc
    moved = {"proxy": {"api_port": 18105}, "hub": {"port": 18182}}
    assert machine.kit("apply", title="Broken", **moved) == 1
    assert "the disk is full" in machine.said and "everything is as it was" in machine.said, (
        machine.said
    )
    assert machine.comes_to(RUNS) and machine.etc == before
    assert machine.kit("apply", **moved) == 0, machine.said
    assert machine.comes_to(RUNS)
    assert machine.kit("apply") == 0 and machine.comes_to(RUNS)


def test_what_did_not_answer_before_is_no_reason_to_give_up(machine: Machine):
    """A web server that hangs: the hub has a new title, and it has itself something new to read."""
    front = machine.pid("front")
    os.killpg(front, signal.SIGSTOP)
    try:
        assert (
            machine.kit("apply", title="Another", front={"maintenance_allow": ["10.0.0.0/8"]}) == 0
        ), machine.said
        assert machine.comes_to(RUNS | {"front": "starting"})
    finally:
        os.killpg(front, signal.SIGCONT)
    assert machine.kit("apply") == 0 and machine.comes_to(RUNS)
    assert machine.pid("front") == front


def test_a_front_goes_and_comes_back_with_the_key(machine: Machine):
    """Its port is somebody else's by then: that is told, and nothing changes. When the port is
    free, it starts."""
    system = {"front": {"instance": "system"}}
    assert machine.kit("diff", **system) == 1
    assert "stop            sitekit-moving-front" in machine.said
    hub, proxy = machine.pid("hub"), machine.pid("proxy")
    assert machine.kit("apply", **system) == 0, machine.said
    assert machine.comes_to({"proxy": "running", "hub": "running"})
    assert machine.pid("proxy") == proxy and machine.pid("hub") != hub
    before = machine.etc
    with machine.place.up(
        sys.executable, "-c", LISTENS, until=f"ss -Hltn sport = :{PORT} | grep -q ."
    ):
        assert machine.kit("apply") == 2, machine.said
    assert f"listens on port {PORT} already" in machine.said
    assert machine.etc == before and machine.comes_to({"proxy": "running", "hub": "running"})
    assert machine.kit("apply") == 0, machine.said
    assert "start sitekit-moving-front" in machine.said and machine.comes_to(RUNS)


def test_a_supervisor_that_is_not_there_is_told_before_anything_stops(machine: Machine):
    before, front = machine.etc, machine.pid("front")
    assert machine.kit("apply", supervisor="systemd") == 1
    assert "systemd is not PID 1" in machine.said and machine.etc == before
    assert machine.comes_to(RUNS) and machine.pid("front") == front
