"""Define a finding: one thing on the machine or cluster that the site needs and that is missing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One problem that a check found.

    `where` is a key of site.yml or a file. If `refuses` is true, users would meet the problem, and
    `make apply` changes nothing.
    """

    what: str
    where: str | None = None
    remedy: str | None = None
    refuses: bool = True


def unknown(what: str, remedy: str | None = None) -> Finding:
    """Return a finding about something that could not be checked. It does not refuse the apply."""
    return Finding(what, None, remedy, refuses=False)
