"""Run `make announce`, `make announcements`, `make announce_end` and `make message`."""

from __future__ import annotations

from datetime import datetime

from ...base.errors import BadInput
from ...base.progress import say
from ...base.run_program import need_root
from ...hub.ledger.check_announcement import read_announcement
from ...site import Site
from ..parse_make_variables import parse_variables, required
from .open_ledger import hubs_ledger, operator, refuse_unknown

ANNOUNCE = ("TEXT", "FROM", "UNTIL", "PAGES", "LEVEL", "DISMISS")


def announce(site: Site, *words: str) -> int:
    """Show an announcement on the hub's pages and in users' JupyterLab. Raises BadInput or
    Problem."""
    given = parse_variables("announce", words, ANNOUNCE)
    required("announce", given, "TEXT", "'The cluster is down on Monday.'")
    one = read_announcement({key.lower(): value for key, value in given.items()})
    need_root("announce")
    who = operator()
    with hubs_ledger(site) as ledger:
        number = ledger.announce(one, who)
    say(f"Announcement {number}: {_when(one.begins, one.ends)}, on {', '.join(one.pages)}")
    return 0


def message(site: Site, *words: str) -> int:
    """Show a message to one user, or with ALL=1 to all users. Raises BadInput or Problem."""
    given = parse_variables("message", words, ("USER", "ALL", "TEXT"))
    text = required("message", given, "TEXT", "'Your job fills the disk /scratch.'")
    if ("USER" in given) == (given.get("ALL") == "1"):
        raise BadInput("name one user, or all", "make message", "use USER=name, or ALL=1")
    user = given.get("USER", "")
    one = read_announcement({"text": text, "level": "warning", "user": user})
    need_root("message")
    if user:
        refuse_unknown(site, user)
    who = operator()
    with hubs_ledger(site) as ledger:
        number = ledger.announce(one, who)
    say(f"Announcement {number}: shown to {user or 'all users'} on the hub's pages and in the lab")
    return 0


def announcements(site: Site, *words: str) -> int:
    """Print the announcements that have not ended."""
    parse_variables("announcements", words, ())
    need_root("announcements")
    with hubs_ledger(site, writes=False) as ledger:
        found = ledger.announcements()
    for one in found:
        whom = f", to {one['user']}" if one["user"] else ""
        kept = "" if one["dismissible"] else ", users cannot close it"
        when = _when(one["begins"], one["ends"])
        say(f"{one['id']:>4} {one['level']}: {one['text']}")
        say(f"     {when}, on {', '.join(one['pages'])}{whom}{kept}; by {one['sender']}")
    if not found:
        say("There is no announcement.")
    return 0


def announce_end(site: Site, *words: str) -> int:
    """End one announcement before its planned end (`make announce_end`). Raises BadInput or
    Problem."""
    given = parse_variables("announce_end", words, ("ID",))
    number = required("announce_end", given, "ID", "3")
    if not (number.isascii() and number.isdigit() and len(number) < 13):
        raise BadInput("this is no number", "ID", "make announcements lists the numbers")
    need_root("announce_end")
    who = operator()
    with hubs_ledger(site) as ledger:
        ended = ledger.end_announcement(int(number), who)
    if not ended:
        raise BadInput("no announcement of this number is open", "ID", "make announcements")
    say(f"Announcement {number} has ended.")
    return 0


def _when(begins: float, ends: float | None) -> str:
    """Return a text with the times between which an announcement is shown, in local time."""
    until = f"until {datetime.fromtimestamp(ends):%Y-%m-%d %H:%M}" if ends else "until you end it"
    return f"from {datetime.fromtimestamp(begins):%Y-%m-%d %H:%M} {until}"
