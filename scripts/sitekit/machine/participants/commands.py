"""Implement the commands `make accounts`, `make accounts_remove` and `make accounts_slips`."""

from __future__ import annotations

from ...base.errors import BadInput
from ...base.files import write_atomic
from ...base.progress import say
from ...base.run_program import need_root
from ...site import Site
from ..host.lock import hold_machine_lock
from ..system_sshd.deny_groups import PROGRAM as SSHD
from . import account_record, arguments, create_accounts, remove_accounts
from .slips_html import Slip, html
from .slips_pdf import pdf

SAME = """\
 !! All these accounts have the same password. Each participant can log in as any other, and can read and
    change the files of all others. Nobody can find out who did what. Without PASSWORD=same, each account has
    a password of its own."""


def accounts(site: Site, *words: str) -> int:
    """Create accounts for the participants of a workshop. Returns 0. Raises BadInput.

    If some of the accounts exist, only the missing accounts are created.
    """
    need_root("accounts")
    wanted = arguments.wanted(site, words)
    with hold_machine_lock():
        wanted = create_accounts.named_as_before(site, wanted)
        known, count = create_accounts.create(site, wanted)
    names = wanted.names
    if not count:
        say(f" ok the accounts {names[0]} to {names[-1]} exist; nothing was changed")
        return 0
    home = known.participants[0].home.parent
    say(f"    {count} accounts, members of the group {known.group}, with homes in {home}")
    say(f"    passwords, for root only: {account_record.path_of(site, wanted.prefix)}")
    if len({person.password for person in known.participants}) < len(known.participants):
        say(SAME)
    if SSHD.exists() and known.group not in site.login.deny_ssh:
        say(" !! These accounts can also log in to this machine by SSH.")
        say(
            f"    -> write `deny_ssh: [{known.group}]` below `login` in the site file; make diff; make apply"
        )
    say(f"    slips with the passwords: make accounts_slips PREFIX={wanted.prefix}")
    return 0


def accounts_remove(site: Site, *words: str) -> int:
    """Remove the accounts whose names begin with a prefix. Returns 1 if files or accounts could not
    be removed, else 0.

    With DATA=keep, the homes are kept, and the command still returns 0.
    """
    given = arguments.pairs("accounts_remove", words, ("PREFIX", "DATA", "END"))
    prefix = arguments.prefix(given)
    keep = arguments.choice(given, "DATA", ("keep", "remove")) == "keep"
    end = arguments.choice(given, "END", ("0", "1")) == "1"
    need_root("accounts_remove")
    with hold_machine_lock():
        complete = remove_accounts.remove(site, prefix, keep, end)
    say(f" ok the accounts {prefix}... are removed" + ("" if complete else ", but for the above"))
    return 0 if complete else 1


def accounts_slips(site: Site, *words: str) -> int:
    """Write a page with one slip (the site's URL, user name, password) for each account. Returns 0.
    Raises BadInput."""
    given = arguments.pairs("accounts_slips", words, ("PREFIX", "FORMAT"))
    form = arguments.choice(given, "FORMAT", ("html", "pdf"))
    need_root("accounts_slips")
    if "PREFIX" not in given and len(known := account_record.prefixes(site)) == 1:
        given["PREFIX"] = known[0]
    prefix = arguments.prefix(given)
    found = account_record.load(site, prefix)
    people = [person for person in found.participants if person.state == "made"] if found else []
    if not people:
        raise BadInput(
            f"this site has no accounts {prefix}...",
            "PREFIX",
            f"make accounts COUNT=30 PREFIX={prefix}",
        )
    slips = [Slip(site.title, site.front.url, person.name, person.password) for person in people]
    place = account_record.path_of(site, prefix).with_suffix(f".{form}")
    write_atomic(place, html(slips) if form == "html" else pdf(slips), mode=0o600)
    say(
        f" ok {place}: {len(slips)} slips. Only root can read it; remove it after you have printed it"
    )
    return 0
