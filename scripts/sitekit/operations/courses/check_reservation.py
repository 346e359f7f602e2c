"""Read a reservation of Slurm, and compare it with a course's dates, tier and roster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from ...base.finding import Finding
from ...site.courses.course_files import Course


@dataclass(frozen=True)
class Reservation:
    """One reservation, as `scontrol show reservation` describes it.

    An empty set means that the reservation has no list of users, accounts or groups.
    """

    begin: datetime
    end: datetime
    nodes: str
    partition: str
    users: frozenset[str]
    accounts: frozenset[str]
    groups: frozenset[str]


def parse(line: str) -> Reservation:
    """Parse one line of `scontrol --oneliner show reservation`. Times must be in seconds since the
    epoch (SLURM_TIME_FORMAT=%s).

    Raises ValueError for a line in another format.
    """
    fields = dict(re.findall(r"(\w+)=(\S*)", line))

    def names(key: str) -> frozenset[str]:
        """Return the names in the field `key` of scontrol's output; an empty set for `(null)`."""
        value = fields.get(key, "(null)")
        return frozenset() if value in ("(null)", "") else frozenset(value.split(","))

    def moment(key: str) -> datetime:
        return datetime.fromtimestamp(int(fields[key]), timezone.utc)

    try:
        return Reservation(
            moment("StartTime"),
            moment("EndTime"),
            fields.get("Nodes", ""),
            fields.get("PartitionName", "(null)"),
            names("Users"),
            names("Accounts"),
            names("Groups"),
        )
    except (KeyError, OverflowError) as error:
        raise ValueError(f"scontrol's answer has no {error}") from None


def fits(
    one: Reservation,
    course: Course,
    roster: Iterable[str],
    accounts: Mapping[str, frozenset[str]],
    groups: Mapping[str, frozenset[str]],
    now: datetime,
) -> Iterator[Finding]:
    """Yield a finding for each reason why the reservation does not fit the course.

    `accounts` and `groups` have the Slurm accounts and Unix groups of each user in the roster.
    """
    name, (begin, end) = course.tier.reservation, course.file.period()
    if one.end <= now:
        what = f"the reservation {name} is over since {_shown(one.end)}"
        yield Finding(what, "reservation", "make a new one: scontrol create reservation")
    elif one.end <= begin or end <= one.begin:
        what = (
            f"the reservation {name} ({_shown(one.begin)} to {_shown(one.end)}) and the course "
            f"({_shown(begin)} to {_shown(end)}) do not overlap"
        )
        yield Finding(what, "reservation", "change the dates of one of them")
    if one.partition not in ("(null)", *course.tier.partitions):
        what = f"the reservation {name} is in the partition {one.partition}, and the tier is not"
        yield Finding(what, "tier", f"use a tier with the partition {one.partition}")
    outside = [user for user in roster if not admits(one, user, accounts, groups)]
    if outside:
        who = ", ".join(outside[:10]) + (", ..." if len(outside) > 10 else "")
        what = f"the reservation {name} is not open to {len(outside)} of the roster: {who}"
        remedy = f"scontrol update reservationname={name} users+=NAME, or name their account"
        yield Finding(what, "reservation", remedy)


def admits(
    one: Reservation,
    user: str,
    accounts: Mapping[str, frozenset[str]],
    groups: Mapping[str, frozenset[str]],
) -> bool:
    """Return whether the user is allowed to use the reservation.

    In a reservation, the sign - before a name excludes this user or account (scontrol(1), users and
    accounts). If the reservation has lists of users, groups and Slurm accounts, each of these lists
    must allow the user.
    """
    if one.groups and not one.groups & groups.get(user, frozenset()):
        return False
    return _in({user}, one.users) and _in(accounts.get(user, frozenset()), one.accounts)


def _in(own: Iterable[str], named: frozenset[str]) -> bool:
    """Return whether the list `named` of a reservation allows this user. `own` contains the user's
    name, or the names of the user's Slurm accounts."""
    excluded = {name[1:] for name in named if name.startswith("-")}
    if excluded:
        return not excluded & set(own)
    return not named or bool(named & set(own))


def _shown(when: datetime) -> str:
    return when.astimezone().strftime("%Y-%m-%d %H:%M")
