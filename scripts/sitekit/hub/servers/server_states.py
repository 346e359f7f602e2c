"""Define the states of a user's server, and derive a server's state from the ledger and its job."""

from __future__ import annotations

import enum

from ...backends.start_and_job_records import Job
from ..ledger.ledger_rows import Row


class ServerState(str, enum.Enum):
    """Define the states of a user's server. Pages, the REST answers and the metrics show these
    words.

    A server that was never started has the state NONE. A server waits while its job is pending, and
    starts until it listens at its port.
    """

    NONE = "none"
    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    STOPPING = "stopping"
    ENDED = "ended"

    __str__ = str.__str__  # as text, a state is its word, such as "running"


OPEN_STATES = (
    ServerState.WAITING,
    ServerState.STARTING,
    ServerState.RUNNING,
    ServerState.SUSPENDED,
    ServerState.STOPPING,
)
"""The states of a server whose start has not ended."""

RUNNING_STATES = (ServerState.RUNNING, ServerState.SUSPENDED)
"""The states of a server that has memory on a node, and listens at its port."""


def state_of(row: Row, job: Job | None) -> tuple[ServerState, float]:
    """Return the state of an open server (one of OPEN_STATES), and the time since which the server
    has this state."""
    if row.abandoned:
        return ServerState.STOPPING, row.abandoned
    if row.listening:
        suspended = job is not None and job.suspended
        return (ServerState.SUSPENDED if suspended else ServerState.RUNNING), row.listening
    waits = job is not None and job.pending
    return (ServerState.WAITING if waits else ServerState.STARTING), row.intended
