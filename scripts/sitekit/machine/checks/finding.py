"""Define a finding: one thing that the site needs and that the machine or cluster lacks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Hold one problem that a check found.

    `where` is a key of site.yml or a file. If `refuses` is true, users would be affected by the
    problem, and `make apply` changes nothing.
    """

    what: str
    where: str | None = None
    remedy: str | None = None
    refuses: bool = True


def unknown(what: str, remedy: str | None = None) -> Finding:
    """Return a finding about something that could not be checked.

    This finding does not refuse the apply.
    """
    return Finding(what, None, remedy, refuses=False)
