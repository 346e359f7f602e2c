"""Test and reload this machine's own sshd.

A reload ends no connection.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ...base.command import run
from ...base.errors import Problem
from ..host.platform import Platform
from ..supervisors.control import which_supervisor
from ..supervisors.interface import State
from ..supervisors.service import Service
from ..supervisors.systemd import SystemdSupervisor
from .config import CONFIG, INCLUDE, PROGRAM

PID = Path("/run/sshd.pid")
RELOAD_SECONDS = 20
"""How long a reload may take. sshd may be configured to write no pid file."""
EMPTY = Path("/run/sshd")
"""The folder that sshd needs as root, on Debian. systemd removes it when sshd stops."""


def state(platform: Platform) -> State:
    """Return the state of sshd, as systemd or the pid file shows it."""
    if which_supervisor() == "systemd":
        return SystemdSupervisor().state(Service(platform.ssh_service, "", ()))
    with suppress(OSError, ValueError, psutil.Error):
        pid = int(PID.read_text())
        if psutil.Process(pid).name() == "sshd":
            return State("running", f"pid {pid}", pid)
    return State("stopped", f"{PID} names no process of it")


def test(config: Path = CONFIG, groups: Collection[str] = ()) -> None:
    """Test a configuration of sshd, with all files that it includes. Raises Problem.

    Does nothing without sshd. `groups` are the groups that sshd must refuse with this
    configuration.
    """
    if not PROGRAM.exists():
        return
    with _folder_of_sshd():
        shown = run([PROGRAM, "-T", "-f", config]).stdout
    denied = {
        word
        for line in shown.splitlines()
        if line.lower().startswith("denygroups ")
        for word in line.split()[1:]
    }
    if missing := [group for group in groups if group not in denied]:
        what = f"sshd would not refuse the members of {', '.join(missing)}"
        raise Problem(what, str(config), f"the first line should be: {INCLUDE}")


def reload(platform: Platform) -> None:
    """Make sshd load its new configuration, and wait until it has done so. Raises Problem.

    At a reload, sshd removes its pid file, starts anew as the same process, and writes the file
    again when it listens. If sshd has ended, it is started.
    """
    before, managed = _written(), which_supervisor() == "systemd"
    found = state(platform)
    if found.word != "running":
        unit = f"{platform.ssh_service}.service"
        run(["systemctl", "start", unit] if managed else [PROGRAM])
        return
    if managed:
        run(["systemctl", "reload", f"{platform.ssh_service}.service"])
    elif found.pid:
        os.kill(found.pid, signal.SIGHUP)
    end = time.monotonic() + RELOAD_SECONDS
    while before and _written() in (0, before) and time.monotonic() < end:
        time.sleep(0.05)
    if state(platform).word != "running":
        what, remedy = "ended when it loaded its configuration", f"{PROGRAM} -t prints the reason"
        raise Problem(what, platform.ssh_service, remedy)


def _written() -> int:
    """Return when sshd has written its pid file; 0 if there is none."""
    try:
        return PID.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@contextmanager
def _folder_of_sshd() -> Iterator[None]:
    """Create the folder that sshd needs for a test, if sshd does not run."""
    made = not EMPTY.exists()
    if made:
        EMPTY.mkdir(0o755)
    try:
        yield
    finally:
        if made:
            with suppress(OSError):  # sshd was started meanwhile, and uses the folder
                EMPTY.rmdir()
