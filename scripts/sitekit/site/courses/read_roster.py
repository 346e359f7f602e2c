"""Read a course's roster, and find names in the roster that no user of the hub can have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from ...base.errors import BadInput, BadInputs, shown
from ..sections.login import Login

Role = Literal["participant", "instructor"]
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+=-]{0,63}")


def read_roster(path: Path, text: str) -> dict[str, Role]:
    """Return the users in the text of a roster file with their roles. Raises BadInputs.

    A line is `NAME` or `NAME,instructor`. Empty lines and lines that begin with # are ignored.
    """
    users: dict[str, Role] = {}
    problems = []
    for place, line in roster_lines(path, text):
        name, _, role = (part.strip() for part in line.partition(","))
        if role not in ("", "participant", "instructor") or not _USER.fullmatch(name):
            what = f"{shown(line)} is not a line of a roster"
            problems.append(BadInput(what, place, "write NAME, or NAME,instructor"))
        elif name in users:
            what = f"{name} is already in this roster"
            problems.append(BadInput(what, place, "remove one of the two lines"))
        else:
            users[name] = "instructor" if role == "instructor" else "participant"
    if problems:
        raise BadInputs(problems)
    return users


def roster_lines(path: Path, text: str) -> Iterator[tuple[str, str]]:
    """Yield each line of a roster that names a user, with its place (the file and the line
    number)."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield f"{path}:{number}", line.strip()


def unmatched_names(lines: Iterable[tuple[str, str]], login: Login) -> Iterator[BadInput]:
    """Yield an error for each line, with its place, whose name no user of the hub can have."""
    for place, line in lines:
        name = line.partition(",")[0].strip()
        if why := never_matches(login, name):
            what = f"nobody has the name {name} on the hub: {why}"
            yield BadInput(what, place, "write the name as the admin page of the hub shows it")


def never_matches(login: Login, user: str) -> str:
    """Return the reason why no user of the hub can have this name; "" if a user of the hub can have
    this name.

    Without PAM, user names come from a provider or from Apache, as docs/login.md describes. With
    PAM, an account with any name can be created.
    """
    domains = login.allow.domains
    _, at, domain = user.rpartition("@")
    if login.method == "pam":
        return ""
    if user != user.lower():
        return "it writes names in lower case"
    if len(domains) == 1 and at:
        return f"it removes the domain of {domains[0]} from names"
    if len(domains) > 1 and domain not in domains:
        return f"names end with one of: {', '.join('@' + name for name in domains)}"
    return ""
