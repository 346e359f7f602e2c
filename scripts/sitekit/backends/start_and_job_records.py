"""Define the records that the hub and the backends exchange: the start of a server, its job, and
how the job ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class NoAnswer(Exception):
    """Report that the backend did not answer, or that the backend's answer cannot be read. NoAnswer
    does not mean that a job has ended."""


class Refused(Exception):
    """Report that the backend refused a request. `kind` is a word for the cause of the refusal,
    such as `sbatch`, `home`, `gate` or `image`.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Phase(enum.Enum):
    """Define the phases of a job, which are the same for all backends."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"  # the job keeps its resources, but none of its processes runs
    ENDED = "ended"
    # this version of sitekit does not know the backend's name of the state; the hub keeps the
    # server
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Job:
    """Describe one job, with the data that the backend lists.

    `user` and `uid` are the account that owns the job. `uid` is None if the backend does not report
    the uid. `state` is the backend's own name of the state, such as Slurm's COMPLETING. `start` is
    in seconds since the epoch; None if the time is unknown. `tag` is the server's tag in the job's
    comment. The owner of a job can write any tag into the job's comment. Therefore a tag is valid
    only for a server of the same account.
    """

    id: str
    uid: int | None
    user: str
    phase: Phase
    state: str
    host: str
    start: int | None
    tag: str | None

    @property
    def queue(self) -> str:
        """Return the name of the partition; "" if the backend has no partitions."""
        return ""

    @property
    def pending(self) -> bool:
        return self.phase is Phase.PENDING

    @property
    def running(self) -> bool:
        """Return whether the job has its resources, even if its processes are suspended."""
        return self.phase in (Phase.RUNNING, Phase.SUSPENDED)

    @property
    def suspended(self) -> bool:
        return self.phase is Phase.SUSPENDED

    @property
    def ended(self) -> bool:
        return self.phase is Phase.ENDED


@dataclass(frozen=True, kw_only=True)
class Work:
    """The data that a backend needs for one start of a server: the Unix account, and the job's id
    as soon as the id is known.

    `user` is the name of the hub's user, and `account` is the cluster account under which the
    server runs. `intended` is the time when the hub decided to submit the job, in seconds since the
    epoch.
    """

    tag: str
    user: str
    account: str
    uid: int | None = None
    job: str | None = None
    intended: float

    def owns(self, uid: int | None, user: str) -> bool:
        """Return whether a job of this owner can belong to this server.

        If both uids are known, the uids are compared, and not the names. Slurm prints no user names
        while the name service does not answer.
        """
        return uid == self.uid if uid is not None and self.uid is not None else user == self.account


@dataclass(frozen=True)
class Offers:
    """The names (partitions, reservations and others) that a Unix account is allowed to request.
    None means that the backend was not queried or does not answer.
    """

    accounts: tuple[str, ...] | None = None
    reservations: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Wait:
    """Describe why a pending job waits, according to the last lists that the hub has read from the
    backend.

    `where` is the name of the queue; "" if the backend has none. `ahead` is the number of pending
    jobs that are before this job in the queue. `start` is the expected start in seconds since the
    epoch. None means that the number or the time is not known. If `limited` is true, a server of
    another tier would not start sooner. In this case, the job waits because of a limit of its
    account, or because of its own request.
    """

    reason: str
    where: str = ""
    ahead: int | None = None
    start: int | None = None
    limited: bool = False


@dataclass(frozen=True)
class Maintenance:
    """Describe one maintenance window of a backend. Times are seconds since the epoch.

    A job that could still run at `begins` starts only after `ends`. If `everywhere` is true, the
    window applies to all nodes.
    """

    begins: int
    ends: int
    everywhere: bool


class Cause(enum.Enum):
    """Define the reasons why a job ended, which are the same for all backends."""

    COMPLETED = "completed"
    FAILED = "failed"
    MEMORY = "memory"
    TIME = "time"
    NODE = "node"
    PREEMPTED = "preempted"
    CANCELLED = "cancelled"
    REVOKED = "revoked"  # another cluster of a federation of Slurm runs the job


@dataclass(frozen=True)
class Ending:
    """Describe how a job ended. Memory is in MiB, times are in seconds. None means that a value is
    not known."""

    job: str
    cause: Cause
    exit_code: int = 0
    signal: int = 0
    node: str = ""
    elapsed: int | None = None
    limit: int | None = None
    peak_memory: int | None = None
    owner: int | None = None  # uid of the job's owner
    by: int | None = None  # uid of the account that cancelled the job


class Explanation(NamedTuple):
    """The text that explains a backend's error to a user.

    `kind` is a short name of the error for metrics and tests.
    """

    kind: str
    what: str
    remedy: str
