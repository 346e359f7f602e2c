"""Describe the servers of a course's participants for the instructor's page.

The data come from the ledger (the hub's record of servers) and the last list of jobs. The data
contain nothing about other servers of a participant, and no lines of a log.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ...site.courses.course_files import Course
from ..ledger.ledger import Row
from ..messages.waiting import describe_wait
from ..servers.server_states import ServerState, state_of
from ..servers.shared_objects import HubState
from ..status.summarize_servers import EXPECTED

SINCE = 86400.0
"""The instructors' page shows a server that has ended only if the server was started within this
number of seconds."""

ABSENT = "absent"
"""The state of a participant who has started no server of the course."""

FAILED = "failed"
"""The state of a server that ended with a failure."""


@dataclass
class Participant:
    """Describe one participant's server of the course. Times are seconds since the epoch.

    `state` is ABSENT, FAILED, or one of ServerState. `left` is the remaining time of the server, in
    seconds. `why` is the reason why the server waits or has ended.
    """

    name: str
    state: str = ABSENT
    since: float | None = None
    node: str = ""
    left: float | None = None
    why: str = ""
    server: str = ""


def participants(
    hub_state: HubState, course: Course, members: Iterable[str] = ()
) -> list[Participant]:
    """Return first the participants who have started a server, then all other participants of the
    roster. Participants with a server and participants without a server are each sorted by name.
    The argument `members` contains the members of the course's Unix group, if the hub could look up
    the group.
    """
    rows = hub_state.ledger.servers_of_course(course.key, time.time() - SINCE)
    started = {row.user: describe(hub_state, row) for row in rows}
    named = {user for user, role in course.users.items() if role == "participant"}
    others = sorted({*named, *members} - started.keys() - set(course.file.instructors))
    return [*started.values(), *(Participant(name) for name in others)]


def describe(hub_state: HubState, row: Row) -> Participant:
    """Return those data about one start of a server that an instructor is allowed to see."""
    one = Participant(row.user, server=row.name)
    # it is possible that site.yml no longer contains the backend of an ended server
    job = None if row.ended else hub_state.job_of(row)
    one.node = job.host if job and job.host else ""
    if row.ended:
        one.state, one.since = ServerState.ENDED, row.ended
        if row.card:
            expected = row.card.get("kind") in EXPECTED
            one.state = ServerState.ENDED if expected else FAILED
            one.why = f"{row.card.get('what', '')} {row.card.get('remedy', '')}"
        return one
    state, one.since = state_of(row, job)
    one.state = ServerState.RUNNING if state is ServerState.SUSPENDED else state
    if one.state == ServerState.RUNNING:
        began = (job.start if job else None) or one.since
        one.left = max(0.0, began + row.choice["time"] - time.time())
    elif job is not None and one.state == ServerState.WAITING:
        one.why = describe_wait(hub_state, row, job).text
    return one


def as_json(found: list[Participant]) -> dict[str, Any]:
    """Return a dictionary that can be sent as JSON: the participants, and how many of them are in
    each state."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.state] = counts.get(one.state, 0) + 1
    return {"participants": [asdict(one) for one in found], "counts": counts, "now": time.time()}
