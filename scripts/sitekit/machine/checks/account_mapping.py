"""Check the gateway account, and the file or program that maps users of an identity provider to
Unix accounts."""

from __future__ import annotations

import stat
from pathlib import Path

from ...base.errors import BadInput
from ...base.permissions_along_path import steps_of_path
from ...contracts.gate_config import MIN_UID
from ...site import Site
from ...site.sections.login_provider import Accounts
from ..installed import unix_accounts


def check_accounts(site: Site, root: Path) -> None:
    """Refuse a gateway account under which servers must not run. A file or program that maps users
    to accounts is refused if accounts other than root can change it.

    Raises BadInput.
    """
    if site.login.directives:
        _check_root_owned("login.directives", site.login.directives, root)
    accounts = site.login.accounts
    if not isinstance(accounts, Accounts):
        return
    if accounts.gateway:
        _check_gateway(site, accounts.gateway, root)
    if accounts.file:
        _check_root_owned("login.accounts.file", accounts.file, root)
    if accounts.command:
        _check_root_owned("login.accounts.command", accounts.command, root)


def _check_gateway(site: Site, name: str, root: Path) -> None:
    """Refuse a gateway account (one account for the servers of all users) if the gate would refuse
    to submit jobs for this account."""
    where, remedy = "login.accounts.gateway", f"useradd --create-home {name}"
    if name in site.service_accounts:
        raise BadInput(
            f"{name} is the site's own account", where, "name an account for users' servers"
        )
    if site.slurm.ssh:
        return  # the gateway account exists only on the login node
    if not unix_accounts.has_account(root, name):
        raise BadInput(f"there is no account {name} on this machine", where, remedy)
    if unix_accounts.numbers(root, name)[0] < MIN_UID:
        what = f"{name} is an account of the system"
        raise BadInput(what, where, "name an ordinary account, without rights of its own")


def _check_root_owned(where: str, path: Path, root: Path) -> None:
    """Refuse a file that an account other than root can change. Refuse a program that the hub
    cannot run."""
    steps = steps_of_path(path, root)
    if not steps[-1].last or not stat.S_ISREG(steps[-1].status.st_mode):
        raise BadInput(f"{path} is not there", where, "put it there, or correct the path")
    for step in steps:
        if step.status.st_uid or step.everybody_writes or step.group_writes:
            what = (
                f"other accounts than root can write to {step.path}, and so choose users' accounts"
            )
            raise BadInput(what, where, f"chown root {step.path}; chmod go-w {step.path}")
    if where.endswith("command") and not steps[-1].status.st_mode & stat.S_IXOTH:
        raise BadInput(f"the hub cannot run {path}", where, f"chmod a+rx {path}")
    if where.endswith("file") and not steps[-1].status.st_mode & stat.S_IROTH:
        raise BadInput(f"the hub cannot read {path}", where, f"chmod a+r {path}")
