"""Define the class Finding: a problem of the machine or the cluster that a check has found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One problem that a check has found.

    `where` is a key of site.yml or a file. If `refuses` is true, users would be affected by the
    problem, and `make apply` changes nothing.
    """

    what: str
    where: str | None = None
    remedy: str | None = None
    refuses: bool = True


def unknown(what: str, remedy: str | None = None) -> Finding:
    """Return a finding about something that could not be checked. `what` says what could not be
    checked, and why.

    A finding about something that could not be checked does not stop `make apply`.
    """
    return Finding(what, None, remedy, refuses=False)
