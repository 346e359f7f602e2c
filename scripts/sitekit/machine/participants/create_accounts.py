"""Create accounts for participants (`make accounts`). The functions also complete accounts that an
interrupted run began to create."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...base.errors import BadInput, BadInputs
from ...base.permissions_along_path import steps_of_path
from ...base.progress import step
from ...base.uninterrupted import uninterrupted
from ...site import Site
from ..installed import unix_accounts
from ..installed.read_and_restore_path import MACHINE
from . import account_record, create_and_remove_account, participants_known_to_hub, read_etc_passwd
from .account_record import Participant, Record
from .arguments import Wanted
from .passwords import new_password
from .processes import processes_of


def named_as_before(site: Site, wanted: Wanted) -> Wanted:
    """Return the arguments with the number of digits that names of existing accounts have.
    Therefore `training02` follows `training01`, and `training2` follows `training1`.
    """
    known = account_record.load(site, wanted.prefix)
    if known is None or not known.participants:
        return wanted
    width = min(len(person.name) for person in known.participants) - len(wanted.prefix)
    return replace(wanted, width=width)


def create(site: Site, wanted: Wanted) -> tuple[Record, int]:
    """Create the accounts that do not exist yet. Return the record of all accounts with this
    prefix, and the number of new accounts.

    Raises BadInput, before any change, if for example a file exists at the path of a home.
    """
    known = account_record.load(site, wanted.prefix) or Record(group=wanted.group)
    there = {person.name: person for person in known.participants if person.state == "made"}
    missing = [name for name in wanted.names if name not in there]
    if not missing:
        return known, 0
    begun = {person.name: person for person in known.participants if person.state == "begun"}
    if faults := [
        *_unmet(known, wanted),
        *_in_the_way(missing, begun),
        *_users_of_the_hub(site, missing),
    ]:
        raise BadInputs(faults)
    for name in [name for name in missing if name in begun]:
        _undo(begun[name])
    planned = _planned(wanted, missing, known)
    now = read_etc_passwd.hashes()
    if not known.after:
        known.before = now
    elif known.after != now:
        known.before = {}
    known.after = now
    rest = [
        person
        for person in known.participants
        if person.name not in missing and person.state != "planned"
    ]
    known.participants = sorted([*rest, *planned], key=_number)
    _create_all(site, wanted, known, planned)
    return known, len(planned)


def _number(person: Participant) -> tuple[int, str]:
    """Return the sort key of an account. With this key, `training100` comes after `training99`."""
    return len(person.name), person.name


def _create_all(site: Site, wanted: Wanted, known: Record, planned: list[Participant]) -> None:
    """Create the planned accounts. The record is written before and after each account is
    created."""
    title = f"Creating accounts {planned[0].name} to {planned[-1].name}"
    with step(title, total=len(planned)) as shown:
        for person in planned:
            shown.note(person.name)
            person.state = "begun"
            account_record.save(site, wanted.prefix, known)
            with uninterrupted():
                create_and_remove_account.create(person, wanted.group)
                person.state, known.after = "made", read_etc_passwd.hashes()
                account_record.save(site, wanted.prefix, known)
            shown.advance()


def _unmet(known: Record, wanted: Wanted) -> Iterator[BadInput]:
    """Yield an error if the group or the folder for homes is not suitable for the accounts."""
    if known.group != wanted.group:
        what = f"the accounts {wanted.prefix}... that exist are members of {known.group}"
        yield BadInput(what, "GROUP", f"write GROUP={known.group}, or use another PREFIX")
    if not unix_accounts.has_group(MACHINE, wanted.group):
        what = f"there is no group {wanted.group} on this machine"
        yield BadInput(what, "GROUP", f"create it first: groupadd {wanted.group}")
    base = read_etc_passwd.home_base()
    steps = steps_of_path(base)
    if steps[-1].path != base.resolve() or not base.is_dir():
        yield BadInput(
            f"there is no folder {base} for homes", "/etc/default/useradd", f"mkdir {base}"
        )
    for one in steps:
        if one.status.st_uid != 0 or one.everybody_writes or one.group_writes:
            what = (
                f"other accounts than root can write to {one.path}, in which homes would be created"
            )
            yield BadInput(what, str(one.path), f"chown root {one.path}; chmod go-w {one.path}")


def _in_the_way(missing: list[str], begun: dict[str, Participant]) -> Iterator[BadInput]:
    """Yield an error for each account, group or home on the machine that has the name of an account
    to create."""
    base = read_etc_passwd.home_base()
    for name in missing:
        # sitekit is allowed to change an account that its own interrupted run began to create
        if name in begun and create_and_remove_account.is_ours(begun[name]):
            continue
        stranger = Participant(name=name, uid=0, home=base / name, password="")
        for what in create_and_remove_account.obstacles(stranger):
            yield BadInput(
                what, name, "use another PREFIX or FIRST; sitekit changes nothing that exists"
            )


def _users_of_the_hub(site: Site, missing: list[str]) -> Iterator[BadInput]:
    """Yield an error for each name that is already a user of the hub. Somebody may still have valid
    cookies or tokens of this user."""
    for name in participants_known_to_hub.known(site, missing):
        what = f"the hub already has a user {name}, whose cookies and tokens may still be valid"
        yield BadInput(
            what, name, "delete this user on the hub's admin page, or use another PREFIX"
        )


def _undo(person: Participant) -> None:
    """Remove an account that an interrupted run has created only in part."""
    uids = [person.uid] if create_and_remove_account.has_uid(person) else []
    if running := processes_of(uids):
        what = f"the account {person.name} is incomplete, and {len(running)} processes of it run"
        raise BadInput(what, person.name, "end these processes first")
    for line in create_and_remove_account.remove(person, keep_data=False):
        raise BadInput(line, person.name, "remove it by hand, then run this again")


def _planned(wanted: Wanted, names: list[str], known: Record) -> list[Participant]:
    """Return the accounts to create, with free uids and new passwords.

    If an interrupted run has already planned an account, the account keeps its password, because
    the password may be on a printed slip.
    """
    base, uids = read_etc_passwd.home_base(), read_etc_passwd.free_uids()
    passwords = {person.name: person.password for person in known.participants}
    if wanted.one_password:
        known.one_password = known.one_password or new_password()
        passwords = dict.fromkeys(names, known.one_password)
    return [
        Participant(
            name=name,
            uid=next(uids),
            home=base / name,
            password=passwords.get(name) or new_password(),
        )
        for name in names
    ]
