"""Refuse modulefiles and kernels that untrusted accounts can change.

An account that can write a modulefile or the kernels' folder can run programs as every user.
"""

from __future__ import annotations

import grp
import os
from collections.abc import Iterable
from pathlib import Path

from ..base.errors import Problem
from ..base.permissions_along_path import (
    Step,
    account_name,
    group_name,
    named_writers,
    steps_of_path,
)


def refuse_writable(
    paths: Iterable[Path], trusted_groups: Iterable[str], owners: Iterable[int] = ()
) -> None:
    """Raise Problem if an untrusted account can change one of the paths.

    Trusted accounts are root, the account that runs this program, and `owners` (uids). A path's
    group is allowed to have write permission if the group is in `trusted_groups`. The folders and
    links that lead to `paths` are also checked, except if the sticky bit protects the contents of a
    folder.
    """
    groups = {_gid(name) for name in trusted_groups} | {0}
    good = {0, os.geteuid(), *owners}
    faults: dict[Path, str] = {}
    for path in sorted(set(paths)):
        try:
            steps = steps_of_path(path)
        except OSError as error:
            faults[path] = f"cannot be looked at by this account: {error.strerror}"
            continue
        faults |= {step.path: fault for step in steps if (fault := _fault(step, groups, good))}
    if faults:
        shown = [f"{path} {fault}" for path, fault in list(faults.items())[:5]]
        shown += [f"and {len(faults) - 5} more"] if len(faults) > 5 else []
        raise Problem(
            "whoever can write these can run code as every user of a kernel:\n    "
            + "\n    ".join(shown),
            remedy="take the permission away (chmod go-w PATH, or setfacl -b PATH), give it to root, or name a group "
            "under trusted_groups in kernels.yml",
        )


def _fault(step: Step, groups: set[int], good: set[int]) -> str | None:
    """Return a message with the names of the untrusted accounts or groups that can change the file
    or folder. If only trusted accounts can change it, return None."""
    if step.status.st_uid not in good:
        return f"belongs to {step.owner}"
    if step.everybody_writes:
        return "can be written by everybody"
    if step.group_writes and step.status.st_gid not in groups:
        return f"can be written by {step.group}"
    users, others = named_writers(step.path) if step.group_writes else (set(), set())
    names = [*map(account_name, sorted(users - good)), *map(group_name, sorted(others - groups))]
    return f"can be written by {', '.join(names)} (its access control list)" if names else None


def _gid(name: str) -> int:
    """Return the gid of a group that kernels.yml names. Raises Problem if the group does not
    exist."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise Problem(
            f"there is no group '{name}' on this machine",
            "kernels.yml: trusted_groups",
            "correct or remove it",
        ) from None
