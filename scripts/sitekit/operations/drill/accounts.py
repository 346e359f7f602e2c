"""Create Unix accounts for the time of a drill, with associations in Slurm. After the drill, remove
all these accounts and associations."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...backends.slurm.run_local_program import slurm_environment
from ...base.errors import BadInput, Problem, shown
from ...base.permissions_along_path import steps_of_path
from ...base.progress import step
from ...base.run_program import run
from ...machine.host.lock import hold_machine_lock
from ...machine.participants import (
    account_record,
    create_accounts,
    participants_known_to_hub,
    remove_accounts,
)
from ...machine.participants.arguments import Wanted
from ...site import Site
from ...site.sections.tier import Tier

PREFIX = "sitekit-drill-"
"""The beginning of the names of a drill's accounts. No workshop has accounts with this prefix."""
KNOWN_TO_SLURM = 60.0
"""The drill waits for at most this number of seconds until slurmctld lists a new association, and
again until the cancelled jobs have ended."""
LOCK = Path("/run/sitekit-drill.lock")


@contextmanager
def one_drill() -> Iterator[None]:
    """Hold a lock while the `with` block runs so that only one drill runs at a time on this
    machine. Raises Problem if another drill runs."""
    handle = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Problem("a drill runs already", remedy="wait until it has ended") from None
    finally:
        os.close(handle)


@contextmanager
def created(site: Site, tier: Tier, count: int) -> Iterator[dict[str, str]]:
    """Create new users for the drill, and yield their passwords: user name -> password. After the
    `with` block, also after Ctrl-C, all created users are removed.

    Users that an earlier, killed drill has left are removed first.
    """
    if not participants_known_to_hub.hub_runs(site):
        raise Problem("the hub does not run", site.service("hub"), "sudo make start")
    if account_record.load(site, PREFIX):
        _remove(site)
    wanted = Wanted(PREFIX, 1, count, _group(site), one_password=False)
    try:
        with hold_machine_lock():
            known, _count = create_accounts.create(site, wanted)
        users = [person.name for person in known.participants]
        if site.drill.slurm_account:
            with step("Adding associations to Slurm"):
                _associate(site, users, site.drill.slurm_account)
        for partition in tier.partitions if tier.runs_on == "slurm" else ():
            _read_groups_again(site, partition)
        yield {person.name: person.password for person in known.participants}
    finally:
        if account_record.load(site, PREFIX):
            _remove(site)


def _group(site: Site) -> str:
    """Return a group whose members may log in, but are not administrators of the hub. Raises
    BadInput."""
    for group in site.login.allowed_groups:
        if group not in site.login.admin_groups:
            return group
    what = "each group that may log in administers the hub"
    raise BadInput(what, "login.allowed_groups", "add a group for users")


def _remove(site: Site) -> None:
    """Remove the drill's accounts with their servers, associations and homes. The function also
    deletes these users from the hub's database.

    The accounts are removed even if Slurm does not answer or does not end their jobs, because the
    accounts have passwords. If associations or jobs are left in Slurm, the function raises Problem
    with their names.
    """
    known = account_record.load(site, PREFIX)
    users = [person.name for person in known.participants] if known else []
    try:
        if "slurm" in site.backends:
            _disassociate(site, users)
    finally:
        with hold_machine_lock():
            remove_accounts.remove(site, PREFIX, keep_data=False, end_processes=True)


def _read_groups_again(site: Site, partition: str) -> None:
    """Make slurmctld read the members of the partition's AllowGroups now, by setting the same
    groups again.

    By itself, slurmctld reads the members only every ten minutes (GroupUpdateTime in
    slurm.conf(5)). slurmctld refuses the jobs of new members of a group until slurmctld has read
    the group again. Raises CommandFailed.
    """
    said = _slurm(site, "scontrol", "--oneliner", "show", "partition", partition)
    found = re.search(r"\bAllowGroups=(\S+)", said)
    if found and found[1] != "ALL":
        words = (f"PartitionName={partition}", f"AllowGroups={found[1]}")
        _slurm(site, "scontrol", "update", *words)


def _associate(site: Site, users: list[str], account: str) -> None:
    """Add an association in Slurm for each user. Wait until slurmctld lists the association that
    was added last. Raises Problem."""
    words = ("add", "user", ",".join(users), f"account={account}")
    _slurm(site, "sacctmgr", "--immediate", *words)
    end = time.monotonic() + KNOWN_TO_SLURM
    about = ("scontrol", "--oneliner", "show", "assoc_mgr", f"users={users[-1]}", "flags=assoc")
    while f"UserName={users[-1]}(" not in _slurm(site, *about):
        if time.monotonic() > end:
            raise Problem(f"slurmctld does not learn of the associations with {account}")
        time.sleep(0.5)


def _disassociate(site: Site, users: list[str]) -> None:
    """Cancel the users' jobs. When the jobs have ended, delete the users' associations.

    All jobs of these users are servers of the drill. Raises Problem, with the names, if jobs or
    associations are left in Slurm.
    """
    if not users:  # an empty list would name the jobs and associations of all users
        return
    jobs: list[str] = []
    try:
        end = time.monotonic() + KNOWN_TO_SLURM
        while jobs := _jobs(site, users):
            if time.monotonic() > end:
                raise Problem(f"Slurm does not end {len(jobs)} jobs of the drill")
            _slurm(site, "scancel", *jobs, check=False)
            time.sleep(1)
        if site.drill.slurm_account:
            _delete_associations(site, users)
    except Problem as trouble:
        what = f"{trouble.what}\n    Slurm may still have {_left(site, users, jobs)}"
        remedy = "the accounts are removed; " + "; ".join(_commands(site, users, jobs))
        raise Problem(what, remedy=remedy) from None


def _jobs(site: Site, users: list[str]) -> list[str]:
    """Return the ids of the users' jobs that wait or run. Jobs in the state COMPLETING are omitted,
    because they do not need scancel.

    Raises CommandFailed.
    """
    words = (f"--user={','.join(users)}", "--states=PENDING,RUNNING,SUSPENDED", "--format=%A")
    return _slurm(site, "squeue", "--noheader", *words).split()


def _delete_associations(site: Site, users: list[str]) -> None:
    """Delete the users' associations, if there are any. Raises CommandFailed."""
    listed = ",".join(users)
    about = ("sacctmgr", "--noheader", "--parsable2", "show", "associations", f"users={listed}")
    if _slurm(site, *about, "format=User").split():
        _slurm(site, "sacctmgr", "--immediate", "delete", "user", f"names={listed}")


def _left(site: Site, users: list[str], jobs: list[str]) -> str:
    """Return a text that names the jobs and associations of these users that perhaps still exist in
    Slurm."""
    left = [f"the jobs {', '.join(jobs)}"] if jobs else []
    if site.drill.slurm_account:
        left.append(f"associations of {users[0]} to {users[-1]}")
    return " and ".join(left) or "jobs of these users"


def _commands(site: Site, users: list[str], jobs: list[str]) -> list[str]:
    """Return the commands with which the administrator can remove these users' remaining jobs and
    associations from Slurm."""
    commands = [f"scancel {' '.join(jobs)}"] if jobs else []
    if site.drill.slurm_account:
        commands.append(f"sacctmgr delete user names={','.join(users)}")
    return commands or [f"squeue --name={site.job_name}"]


def _slurm(site: Site, program: str, *words: str, check: bool = True) -> str:
    """Run a program of Slurm as root, and return its output. Raises CommandFailed."""
    argv = [str(site.slurm.bin / program), *words]
    return run(argv, env=slurm_environment(site), cwd=Path("/"), timeout=60, check=check).stdout


def listed(path: Path) -> list[str]:
    """Return the user names in the file that `drill.users` names. Raises BadInput if an account
    other than root can change the file."""
    try:
        steps = steps_of_path(path)
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot be read: {error}", str(path), "see drill.users") from None
    for one in steps:
        if one.status.st_uid != 0 or one.everybody_writes or one.group_writes:
            what = f"others than root can write to {one.path}, and could add users to the drill"
            raise BadInput(what, str(path), f"chown root {one.path}; chmod go-w {one.path}")
    users = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for name in users:
        if not re.fullmatch(r"[^\s/:,\x00-\x1f]+", name):
            raise BadInput(f"{shown(name)} is not a user's name", str(path), "one name a line")
    return list(dict.fromkeys(users))
