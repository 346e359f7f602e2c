"""Compute the figures of a drill: percentiles of each step, and errors grouped by their message."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .run_drill import PHASES, Story


@dataclass(frozen=True)
class Percentiles:
    """The times in seconds within which 50 %, 95 % and 100 % of the users finished a step."""

    p50: float
    p95: float
    most: float


@dataclass(frozen=True)
class Fault:
    """An error that one or more users had: the step that failed, the message, and the names of the
    users."""

    phase: str
    message: str
    users: tuple[str, ...]


def percentiles(seconds: Iterable[float]) -> Percentiles | None:
    """Return the percentiles (by nearest rank) of these times in seconds; None if there are no
    times."""
    ranked = sorted(seconds)
    if not ranked:
        return None

    def at(share: float) -> float:
        return round(ranked[math.ceil(share * len(ranked)) - 1], 2)

    return Percentiles(at(0.5), at(0.95), at(1))


def by_phase(stories: Iterable[Story]) -> dict[str, Percentiles]:
    """Return the percentiles of each step that at least one user has finished: step -> percentiles.
    The steps are in the order in which a user does them. The last key, `start`, has the times from
    the request for the server until the server is ready."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    for story in stories:
        for phase, seconds in story.seconds.items():
            times[phase].append(seconds)
    found = {phase: percentiles(times[phase]) for phase in (*PHASES, "start")}
    return {phase: one for phase, one in found.items() if one}


def faults(stories: Iterable[Story]) -> list[Fault]:
    """Return the errors of all users, the most frequent error first. Messages that differ only in
    user names and numbers count as the same error."""
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for story in stories:
        if story.failed:
            groups[story.failed, _general(story.why, story.user)].append(story.user)
    found = [Fault(phase, said, tuple(users)) for (phase, said), users in groups.items()]
    return sorted(found, key=lambda fault: -len(fault.users))


def reasons(stories: Iterable[Story]) -> list[str]:
    """Return the reasons for which jobs waited in the queue, the most frequent reason first."""
    total: Counter[str] = Counter()
    for story in stories:
        total.update({_general(reason, story.user) for reason in story.reasons})
    return [reason for reason, _count in total.most_common()]


def _general(message: str, user: str) -> str:
    """Replace the user's name and all numbers in a message. Messages about the same error are then
    equal for all users."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    return re.sub(r"\d+", "N", plain.replace(user, "USER"))[:300]
