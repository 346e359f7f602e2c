"""Define the class Finding: a fault of the machine, the cluster or the site that a check has found.

`make diff`, `make apply`, `make start`, `make doctor` and `make course_check` use this class.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.IntEnum):
    """Define the severity of findings. UNSEEN is not a fault, and means that the check could not
    examine something."""

    UNSEEN = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True)
class Finding:
    """One fault that a check found.

    `where` is a key of site.yml, a file or a service. If `remedy` or `why` is set, this text
    replaces the more general text of the check. `examined` is false if the check did not end, or
    failed itself.
    """

    what: str
    where: str = ""
    remedy: str = ""
    severity: Severity = Severity.ERROR
    why: str = ""
    examined: bool = True

    @property
    def refuses(self) -> bool:
        """Return whether `make apply` and `make start` are refused because of this finding.

        A finding about a check that did not end, or whose program had an error, refuses no command.
        """
        return self.severity is Severity.ERROR and self.examined


def unseen(what: str, remedy: str = "") -> Finding:
    """Return a finding with the severity UNSEEN, about something that the check could not examine.
    `what` says what was not examined, and why."""
    return Finding(what, remedy=remedy, severity=Severity.UNSEEN)


def warning(what: str, where: str = "", remedy: str = "", why: str = "") -> Finding:
    """Return a finding with the severity WARNING, about a fault that causes problems later, or is
    insecure."""
    return Finding(what, where, remedy, Severity.WARNING, why)


def note(what: str, where: str = "", remedy: str = "", why: str = "") -> Finding:
    """Return a finding with the severity NOTE, which does not change the exit code."""
    return Finding(what, where, remedy, Severity.NOTE, why)
