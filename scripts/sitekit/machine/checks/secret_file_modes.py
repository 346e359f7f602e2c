"""Refuse secret files, such as the certificate's private key and client secrets, that ordinary
users can read."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from ...base.errors import BadInput, BadInputs
from ...base.permissions_along_path import Step, steps_of_path
from ...contracts.database_url import postgresql
from ...contracts.gate_config import MIN_UID
from ...site.sections.front import Certificate
from ..host.target import Target
from ..installed import unix_accounts

FOR_KEYS = "ssl-cert"
"""Debian's group for services that read private keys. The package ssl-cert creates this group."""


def check_secrecy(target: Target) -> None:
    """Raise BadInputs if ordinary users can read a secret file of the site.

    The check uses the file modes of the secret file and of all its parent folders.
    """
    front, found = target.site.front, []
    secrets: list[tuple[str, Path, str]] = []
    if isinstance(front.certificate, Certificate):
        secrets.append(
            (
                "front.certificate.key",
                front.certificate.key,
                "whoever has it can pass for this site",
            )
        )
    if front.outside and front.outside.openid:
        secret, why = (
            front.outside.openid.client_secret,
            "whoever has it can pass for this site at the provider",
        )
        secrets.append(("front.outside.openid.client_secret", secret, why))
    if provider := target.site.login.provider:
        why = "whoever has it can pass for this site at the provider"
        secrets.append(("login.provider.client_secret", provider.client_secret, why))
    database = postgresql(target.site)
    if database and database.password:
        why = "whoever has it can read and change all logins and tokens"
        secrets.append(("hub.database.password", database.password, why))
    for where, path, why in secrets:
        if readers := dict(_readers(path, target.root)):
            letters = "".join(sorted(set(readers.values())))
            what = f"{path} can be read by {' and '.join(readers)}, and {why}"
            found.append(BadInput(what, where, f"chmod {letters}-r {path}"))
    if found:
        raise BadInputs(found)


def _readers(path: Path, root: Path) -> Iterator[tuple[str, str]]:
    """Yield a pair for each kind of reader. The first item is `everybody`, or the name of a group
    whose members can read the file. The second item is the letter (`o` or `g`) with which chmod(1)
    removes the read permission.

    For a file that does not exist, the result is empty.
    """
    try:
        steps = [step for step in steps_of_path(path, root) if not step.link]
    except PermissionError:
        return  # only root can check this; `sudo make apply` does
    if not steps[-1].last:
        return
    everybody = all(
        step.status.st_mode & (stat.S_IROTH if step.last else stat.S_IXOTH) for step in steps
    )
    if everybody:
        yield "everybody", "o"
    for step in {step.status.st_gid: step for step in steps}.values():
        gid, by_group = step.status.st_gid, steps[-1].status.st_gid == step.status.st_gid
        if (
            (by_group or not everybody)
            and all(_lets(one, gid) for one in steps)
            and _has_people(gid, root)
        ):
            yield step.group, "g" if by_group else "o"


def _lets(step: Step, gid: int) -> bool:
    """Return whether a member of the group can enter the folder or read the file `step`."""
    bit = stat.S_IROTH if step.last else stat.S_IXOTH
    return bool(step.status.st_mode & (bit << 3 if step.status.st_gid == gid else bit))


def _has_people(gid: int, root: Path) -> bool:
    """Return whether ordinary accounts are members of the group. Members that this host cannot list
    (for example, from a directory service) are not found.
    """
    name = unix_accounts.group_of_number(root, gid)
    if gid == 0 or name == FOR_KEYS:
        return False
    members = unix_accounts.members(root, name) if name else set()
    return gid >= MIN_UID or any(
        unix_accounts.numbers(root, one)[0] >= MIN_UID
        for one in members
        if unix_accounts.has_account(root, one)
    )
