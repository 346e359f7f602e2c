"""Read and check the arguments `NAME=value` of `make accounts` and similar commands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...base.errors import BadInput, shown
from ...site import Site

MOST = 500
"""The most accounts that one command creates."""
LAST = 9999
"""The highest number in the name of an account."""
_PREFIX = re.compile(r"[a-z]([a-z0-9-]{0,22}[a-z-])?")


@dataclass(frozen=True)
class Wanted:
    """The arguments of `make accounts`: how many accounts to create, with which names, group
    and passwords."""

    prefix: str
    first: int
    count: int
    group: str
    one_password: bool
    width: int | None = None
    """The minimum number of digits in a name; None if no accounts with this prefix exist yet."""

    @property
    def names(self) -> list[str]:
        """Return the names of the accounts to create: `training01`, `training02` and so on."""
        last = self.first + self.count - 1
        width = self.width or max(2, len(str(last)))
        return [f"{self.prefix}{number:0{width}}" for number in range(self.first, last + 1)]


def pairs(command: str, words: tuple[str, ...], known: tuple[str, ...]) -> dict[str, str]:
    """Return the arguments `NAME=value` as a dictionary. Raises BadInput."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in known:
            what = f"{shown(word)} is not one of {', '.join(f'{each}=' for each in known)}"
            raise BadInput(what, command, f"see: make {command} HELP=1")
        found[name] = value
    return found


def wanted(site: Site, words: tuple[str, ...]) -> Wanted:
    """Read the arguments of `make accounts`. Raises BadInput."""
    given = pairs("accounts", words, ("COUNT", "PREFIX", "FIRST", "GROUP", "PASSWORD"))
    if site.login.method != "pam":
        what = (
            f"users log in at a provider ({site.login.method}), not with passwords of this machine"
        )
        raise BadInput(what, "login.method", "only a site with `method: pam` needs such accounts")
    if given.get("PASSWORD", "same") != "same":
        what = "a password on a command line can be read by all users of this machine"
        raise BadInput(what, "PASSWORD", "leave it out, or write PASSWORD=same for a random one")
    first, count = (
        _number("FIRST", given.get("FIRST", "1"), LAST),
        _number("COUNT", given.get("COUNT", ""), MOST),
    )
    if first + count - 1 > LAST:
        raise BadInput(
            f"the last account would be number {first + count - 1}",
            "FIRST",
            f"{LAST} is the highest",
        )
    return Wanted(
        prefix=prefix(given), first=first, count=count,
        group=_group(site, given.get("GROUP", site.login.allowed_groups[0])),
        one_password="PASSWORD" in given,
    )  # fmt: skip


def prefix(given: dict[str, str]) -> str:
    """Return the argument PREFIX, with which the accounts' names begin. Raises BadInput."""
    text = given.get("PREFIX", "")
    if not _PREFIX.fullmatch(text):
        what = (
            f"{shown(text)} cannot be the prefix of account names"
            if text
            else "this variable is missing"
        )
        remedy = (
            "use at most 24 of a-z, 0-9 and '-', a letter first and no digit last: PREFIX=training"
        )
        raise BadInput(what, "PREFIX", remedy)
    return text


def choice(given: dict[str, str], name: str, values: tuple[str, ...]) -> str:
    """Return the value of the argument `name`, which must be one of `values`. If the argument is
    missing, return the first of `values`. Raises BadInput.
    """
    if (value := given.get(name, values[0])) not in values:
        raise BadInput(
            f"{shown(value)} is not one of {', '.join(values)}", name, f"write {name}={values[0]}"
        )
    return value


def _number(name: str, text: str, most: int) -> int:
    """Convert the text of the argument `name` to a number from 1 to `most`. Raises BadInput."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= most:
        what = (
            f"{shown(text)} is not a number from 1 to {most}"
            if text
            else "this variable is missing"
        )
        raise BadInput(what, name, f"write it like {name}=30")
    return int(text)


def _group(site: Site, group: str) -> str:
    """Return the name of the participants' group. Raises BadInput if members of the group are not
    allowed to log in, or if they are administrators of the hub.
    """
    if group not in site.login.allowed_groups:
        known = ", ".join(site.login.allowed_groups)
        raise BadInput(
            f"members of {shown(group)} may not log in at this site",
            "GROUP",
            f"name one of {known}",
        )
    if group in site.login.admin_groups:
        what = f"members of {group} are administrators of the hub"
        raise BadInput(
            what, "GROUP", "give participants a group of their own, in login.allowed_groups"
        )
    return group
