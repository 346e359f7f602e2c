"""Cache the state of a course (its participants and messages) for one second, for the pages of all
instructors."""

from __future__ import annotations

import asyncio
import grp
import time
from collections.abc import Callable
from typing import Any

from ...site.courses.course_files import Course
from ..servers.shared_objects import HubState
from .servers_of_participants import as_json, participants

LASTS = 0.9  # seconds; an open page requests the state every two seconds
GROUP_LASTS = 60.0  # seconds; the members of a group may come from a directory service


class CourseStates:
    """Cache the last state of each course. Tests can replace the `clock`, which returns the
    time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[str, tuple[Course, float, dict[str, Any]]] = {}
        self._members: dict[str, tuple[float, tuple[str, ...]]] = {}

    async def state(self, hub_state: HubState, course: Course) -> dict[str, Any]:
        """Return a dictionary for the course's page: the participants, and the messages of the last
        24 hours. The dictionary can be sent as JSON."""
        kept, at, told = self._states.get(course.key, (None, 0.0, {}))
        if kept is course and self._clock() - at < LASTS:
            return told
        found = participants(hub_state, course, await self.members(course))
        told = as_json(found)
        told["messages"] = hub_state.ledger.messages(course.key, told["now"] - 86400)
        self._states[course.key] = course, self._clock(), told
        return told

    def forget(self, course: Course) -> None:
        """Remove a course's state from the cache after an action of an instructor so that the next
        page shows new data."""
        self._states.pop(course.key, None)

    async def members(self, course: Course) -> tuple[str, ...]:
        """Return the members of the course's Unix group. The hub looks up a course's group at most
        once a minute."""
        group = course.file.roster.group
        if group is None:
            return ()
        at, members = self._members.get(group, (None, ()))
        if at is None or self._clock() - at >= GROUP_LASTS:
            members = await asyncio.get_running_loop().run_in_executor(None, members_of, group)
            self._members[group] = self._clock(), members
        return members


def members_of(group: str) -> tuple[str, ...]:
    """Return the members of a Unix group; an empty result if the group does not exist."""
    try:
        return tuple(grp.getgrnam(group).gr_mem)
    except (KeyError, OSError):
        return ()
