"""Find participants without an association in Slurm. Slurm would refuse the jobs of these
participants."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...base.finding import Finding
from ...machine.checks.tiers_fit_cluster import read_config
from ...site.courses.course_files import Course
from . import roster_accounts

REQUIRE = frozenset({"associations", "limits", "qos", "safe", "wckeys", "all"})
"""The values of AccountingStorageEnforce with which a user needs an association (slurm.conf(5))."""
AT_A_TIME = 100
"""The number of users in one query of sacctmgr."""


def check_associations(course: Course, ask: Callable[..., str | None]) -> Iterator[Finding]:
    """Yield a finding that names all participants without an association, if Slurm requires
    associations.

    The argument `ask` is a function that runs a program of Slurm and returns the program's output.
    If the course's tier has a Slurm account, only associations with this account count. Raises
    CommandFailed.
    """
    config = read_config(ask("scontrol", "show", "config") or "")
    enforced = config.get("AccountingStorageEnforce", "none").lower().split(",")
    if not REQUIRE & {*enforced}:
        return
    account, users = course.tier.account, roster_accounts.participants_of(course)
    words = ["--noheader", "--parsable2", "show", "associations", "format=User"]
    words += [f"accounts={account}"] if account else []
    known: set[str] = set()
    for first in range(0, len(users), AT_A_TIME):
        some = ",".join(users[first : first + AT_A_TIME])
        known |= set((ask("sacctmgr", *words, f"users={some}") or "").split())
    if missing := [user for user in users if user not in known]:
        who = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
        to = f" with {account}" if account else ""
        what = f"Slurm refuses the jobs of {len(missing)} participants without an association{to}"
        remedy = f"sacctmgr add user {','.join(missing)} account={account or 'ACCOUNT'}"
        yield Finding(f"{what}: {who}", "roster", remedy)
