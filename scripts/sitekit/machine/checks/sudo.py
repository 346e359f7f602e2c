"""Check that sudo reads the folder with the site's rule, and that sudo allows the hub to start the
gate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...base.errors import Problem
from ...base.finding import Finding, unseen
from ...base.run_program import CommandFailed, run
from ...site import Site
from ..host.platform import Platform
from ..installed import unix_accounts
from ..installed.read_and_restore_path import MACHINE, on_disk

SUDOERS = Path("/etc/sudoers")
# A line that begins with `#includedir` is not a comment (sudoers(5)). Versions of sudo before 1.9.1
# require this spelling.
_INCLUDE = re.compile(r'^\s*[@#](include|includedir)\s+"?([^"\n]+?)"?\s*$', re.MULTILINE)


def check_sudo(site: Site, platform: Platform, root: Path = MACHINE) -> Iterator[Finding]:
    """Yield a finding if sudo is missing or does not read the folder of the site's rule.

    Raises OSError if /etc/sudoers cannot be read.
    """
    if not on_disk(root, SUDOERS).exists():
        yield Finding(
            "sudo is not installed on this machine", str(SUDOERS), f"{platform.install} sudo"
        )
        return
    try:
        folders = set(_folders(root, SUDOERS, 0))
    except PermissionError:
        yield unseen(
            f"only root can read {SUDOERS}: whether it includes {platform.sudoers} was not checked"
        )
        return
    if platform.sudoers not in folders:
        what = f"it does not include {platform.sudoers}: sudo would not read the site's rule, and no server could start"
        yield Finding(
            what, str(SUDOERS), f"visudo, and add the line: @includedir {platform.sudoers}"
        )


def _folders(root: Path, file: Path, depth: int) -> Iterator[Path]:
    """Yield the folders that a sudoers file names with `@includedir`, also in files that it
    includes.
    """
    real = on_disk(root, file)
    if depth > 8 or not real.is_file():
        return
    for kind, named in _INCLUDE.findall(real.read_text(errors="replace")):
        path = file.parent / named
        if kind == "includedir":
            yield path
        else:
            yield from _folders(root, path, depth + 1)


def check_rule(site: Site) -> None:
    """Test with sudo whether the hub is allowed to start the gate as a user, and the local gate as
    root. Raises Problem if not.

    The test is needed because a rule that sudo reads later overrides the site's rule.
    """
    people = sorted(
        name
        for group in site.login.allowed_groups
        for name in unix_accounts.members(MACHINE, group)
    )
    people = [site.login.gateway] if site.login.gateway else people
    people = [name for name in people if unix_accounts.has_account(MACHINE, name)]
    if not people:
        return
    rules = [(site.libexec / "gate", people[0])] if "slurm" in site.backends else []
    rules += [(site.libexec / "local_gate", "root")] if site.local_backends else []
    for program, account in rules:
        _check_rule(site, program, account)


def _check_rule(site: Site, program: Path, account: str) -> None:
    """Test with sudo whether the hub is allowed to start a program as an account. Raises Problem if
    not.
    """
    try:
        run(["sudo", "-n", "-U", site.hub.user, "-l", "-u", account, program])
    except CommandFailed as refused:
        what = f"sudo does not let {site.hub.user} start {program} as {account}"
        remedy = f"sudo -l -U {site.hub.user}; another rule may come after {site.name}'s"
        raise Problem(f"{what}\n    | {refused.output.strip()}", "sudo", remedy) from None
