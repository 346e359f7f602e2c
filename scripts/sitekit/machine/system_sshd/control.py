"""Test and reload this machine's own sshd.

Open SSH connections continue after a reload.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ...base.errors import Problem
from ...base.run_program import run
from ..host.platform import Platform
from ..supervisors.control import which_supervisor
from ..supervisors.interface import State
from ..supervisors.service import Service
from ..supervisors.systemd import SystemdSupervisor
from .deny_groups import CONFIG, INCLUDE, PROGRAM

PID = Path("/run/sshd.pid")
RELOAD_SECONDS = 20
"""The time limit of a reload, in seconds. A limit is needed, because sshd may be configured not to
write a pid file."""
EMPTY = Path("/run/sshd")
"""The empty folder that sshd needs on Debian if it runs as root. systemd removes this folder when
sshd stops."""


def state(platform: Platform) -> State:
    """Return the state of this machine's sshd, from systemd or from the pid file."""
    if which_supervisor() == "systemd":
        return SystemdSupervisor().state(Service(platform.ssh_service, "", ()))
    with suppress(OSError, ValueError, psutil.Error):
        pid = int(PID.read_text())
        if psutil.Process(pid).name() == "sshd":
            return State("running", f"pid {pid}", pid)
    return State("stopped", f"{PID} does not contain the id of a process of sshd")


def test(config: Path = CONFIG, groups: Collection[str] = ()) -> None:
    """Test a configuration file of sshd, and all files that it includes, with `sshd -T`. Raises
    Problem if sshd would accept logins of members of a group in `groups`. Raises CommandFailed if
    sshd reports an error.

    If sshd is not installed, nothing is tested.
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
    """Make this machine's sshd load its new configuration, and wait until sshd listens again.
    Raises Problem.

    At a reload, sshd removes its pid file, starts again as the same process, and writes the pid
    file again when it listens. If sshd has ended, this function starts sshd.
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
    """Return the modification time of sshd's pid file in ns; 0 if the pid file does not exist."""
    try:
        return PID.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@contextmanager
def _folder_of_sshd() -> Iterator[None]:
    """Create the folder that sshd needs for a test, if sshd itself does not run. Remove the folder
    after the `with` block."""
    made = not EMPTY.exists()
    if made:
        EMPTY.mkdir(0o755)
    try:
        yield
    finally:
        if made:
            with suppress(OSError):  # sshd was started in the meantime, and uses the folder
                EMPTY.rmdir()
