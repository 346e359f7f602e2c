"""Install the distribution's packages for the demo, without starting their services."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence

from ...base.progress import step
from ...base.run_program import CommandFailed, piped, run
from ..cluster.record_changes import Made
from .platform import table

APT = ("apt-get", "-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Use-Pty=0")
QUIET = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


def missing_packages(wanted: Sequence[str | list[str]]) -> list[list[str]]:
    """Return the packages that are not installed, each as a list of alternative names. If one
    package of such a list is installed, the list is not returned."""
    choices = [[name] if isinstance(name, str) else name for name in wanted]
    names = [name for choice in choices for name in choice]
    query = run(["dpkg-query", "-W", "-f", "${Package} ${Status}\\n", *names], check=False)
    lines = query.stdout.splitlines()
    installed = {line.split()[0] for line in lines if line.endswith(" installed")}
    return [choice for choice in choices if not installed & set(choice)]


def install_packages() -> list[str]:
    """Install the missing packages, and return the names of all new packages. Raises CommandFailed
    if apt-get fails."""
    data, made = table(), Made()
    if not (missing := missing_packages(data["packages"])):
        return []
    with step("Installing packages") as shown:
        if not all(_known(choice) for choice in missing):
            run([*APT, "update"], env=QUIET, timeout=600)
        names = [_known(choice) or choice[0] for choice in missing]
        fresh = _would_install(names)
        made.claim("packages", *fresh)
        shown.total(2 * len(fresh))
        masked = _mask([f"{unit}.service" for unit in data["services"] if unit in fresh])
        try:
            _install(names, shown.advance)
        finally:
            _unmask(masked)
        shown.done(f"{len(fresh)} packages")
    return fresh


def _known(choice: Sequence[str]) -> str | None:
    """Return the first name in `choice` that exists in apt's package lists."""
    for name in choice:
        if re.search(
            r"Candidate: (?!\(none\))", run(["apt-cache", "policy", name], env=QUIET).stdout
        ):
            return name
    return None


def _would_install(names: Sequence[str]) -> list[str]:
    """Return the packages that apt would newly install."""
    plan = run(
        [*APT, "install", "-s", "--no-install-recommends", *names], env=QUIET, timeout=120
    ).stdout
    # If a line has an old version in brackets, apt would upgrade an installed package.
    return [m[1] for m in re.finditer(r"^Inst (\S+) (?!\[)", plan, re.MULTILINE)]


def _install(names: Sequence[str], advance: Callable[[], object]) -> None:
    """Run apt-get in a separate session (setsid(2)). Therefore Ctrl-C in the terminal does not
    interrupt dpkg."""
    run(["dpkg", "--configure", "-a"], env=QUIET, timeout=600)
    argv = [*APT, "install", "-y", "--no-install-recommends", *names]
    last: list[str] = []
    with subprocess.Popen(
        argv,
        env=QUIET,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as apt:
        for line in piped(apt.stdout):
            last = [*last[-20:], line.rstrip()]
            if line.startswith(("Unpacking ", "Setting up ")):
                advance()
    if apt.returncode:
        raise CommandFailed(
            argv,
            f"ended with code {apt.returncode}",
            "\n".join(last),
            "correct what apt reports, then run `make demo` again",
        )


def _mask(units: list[str]) -> list[str]:
    """Mask these systemd units. Therefore systemd does not start the units when their packages are
    installed. Return the masked units, or [] if this machine has no systemctl."""
    if not units or not os.path.exists("/usr/bin/systemctl"):
        return []
    run(["systemctl", "mask", *units], env=QUIET)
    return units


def _unmask(units: list[str]) -> None:
    """Unmask these systemd units, and disable them. Therefore systemd does not start them at
    boot."""
    if units:
        run(["systemctl", "unmask", *units], env=QUIET)
        run(["systemctl", "disable", *units], env=QUIET, check=False)
