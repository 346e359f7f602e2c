"""Implement `make accounts_remove`: remove the participants' accounts that a record lists, and no
other accounts."""

from __future__ import annotations

from collections.abc import Iterator

from ...base.errors import BadInput, BadInputs
from ...base.progress import say, step
from ...site import Site
from ..host.mounts_below_folder import mounts_in
from . import (
    account_record,
    create_and_remove_account,
    participants_known_to_hub,
    processes,
    read_etc_passwd,
)
from .account_record import Record


def remove(site: Site, prefix: str, keep_data: bool, end_processes: bool) -> bool:
    """Remove the accounts with a prefix; return whether everything was removed, except data that is
    kept on request.

    After an interruption, the function can be called again. Raises BadInput, before any change, if
    there are no accounts with this prefix, or if a filesystem is mounted in a home. If processes or
    servers of the accounts run, raises BadInput too, unless `end_processes` is true.
    """
    known = account_record.load(site, prefix)
    if known is None:
        names = ", ".join(account_record.prefixes(site)) or "none"
        what = f"there is no record of accounts {prefix}... of the site {site.name}"
        raise BadInput(
            what, "PREFIX", f"prefixes with a record: {names}; other accounts are not changed"
        )
    _refuse_mounts(known)
    _end(site, known, end_processes)
    as_left = read_etc_passwd.hashes() == known.after
    left: list[str] = []
    count, users = len(known.participants), _users(known)
    with step(f"Removing {count} accounts {prefix}...", total=count) as shown:
        for person in list(known.participants):
            shown.note(person.name)
            if person.state != "planned":
                left += create_and_remove_account.remove(person, keep_data)
            known.participants.remove(person)
            known.after = read_etc_passwd.hashes() if as_left else {}
            account_record.save(site, prefix, known)
            shown.advance()
    # Delete the users again, because some may have logged in to the hub in the meantime.
    participants_known_to_hub.delete(site, users)
    for line in left:
        say(f"    {line}")
    for line in _compare(known, as_left):
        say(line)
    account_record.remove(site, prefix)
    return not left


def _users(known: Record) -> list[str]:
    """Return the recorded account names, without the names that now belong to accounts with another
    uid or home."""
    begun = [person for person in known.participants if person.state != "planned"]
    return [person.name for person in begun if create_and_remove_account.is_ours(person)]


def _refuse_mounts(known: Record) -> None:
    """Raise BadInput if a filesystem is mounted in a home. The files of a mounted filesystem may
    belong to somebody else, and must not be removed."""
    homes = [person.home for person in known.participants if person.state != "planned"]
    if found := [str(point) for home in homes for point in mounts_in(home)]:
        what = f"filesystems are mounted in the homes: {', '.join(found[:10])}"
        raise BadInput(what, found[0], f"umount {found[0]}; then run this again")


def _end(site: Site, known: Record, end_processes: bool) -> None:
    """End the servers and the processes of the accounts. If `end_processes` is false and a server
    or process runs, raise BadInput.

    The users are also deleted from the hub. When a user is deleted from the hub, the hub stops the
    user's servers on all machines.
    """
    users = _users(known)
    if (servers := participants_known_to_hub.with_servers(site, users)) and not end_processes:
        what = f"these users have servers: {', '.join(servers[:10])}"
        remedy = "stop them on the hub's admin page; or END=1 stops them"
        raise BadInput(what, "END", remedy)
    begun = [person for person in known.participants if person.state != "planned"]
    uids = [person.uid for person in begun if create_and_remove_account.has_uid(person)]
    running = processes.processes_of(uids)
    if running and not end_processes:
        listed = [processes.describe(process) for process in running]
        more = f" and {len(listed) - 10} more" if len(listed) > 10 else ""
        what = f"processes of these accounts run: {', '.join(listed[:10])}{more}"
        remedy = "stop their servers on the hub's admin page; or END=1 ends these processes"
        raise BadInputs([BadInput(what, "END", remedy)])
    participants_known_to_hub.delete(site, users)
    if running := processes.processes_of(uids):
        with step(f"Ending {len(running)} processes"):
            processes.end(uids)


def _compare(known: Record, as_left: bool) -> Iterator[str]:
    """Yield lines that say whether the account files, such as /etc/passwd, have the same content as
    before the accounts were created. The argument `as_left` is true if nobody else has changed the
    account files since the last run."""
    if not (known.before and as_left):
        yield "    the files of accounts had other changes meanwhile; only these accounts were removed"
        return
    now = read_etc_passwd.hashes()
    if changed := [path for path in now if known.before.get(path) != now[path]]:
        yield f" !! these files differ from those before `make accounts`: {', '.join(changed)}"
    else:
        yield f" ok the same bytes as before the accounts were created: {', '.join(now)}"
