"""The one interface between the hub and what runs its servers.

Slurm is such a backend: a folder beside this file, and one line in `BACKENDS` of
sitekit/site/backends.py. The hub keeps the ledger, the cards and the progress page; it asks a
backend for the rest.

The life of one server, in the order of the calls:

1. `offers` tells what an account may ask for. The form shows it.
2. The hub writes the server's `Work` to its ledger. Only then does it call `submit`, which returns
   the job's id.
3. `find` returns the job as the last snapshot lists it. It asks nobody; A loop renews it for all
   servers.
4. `look_up` asks for one job that the snapshot does not list. None means that the job is gone for
   certain.
5. `explain_wait` tells its user where a job waits, why, and for how long.
6. `address` returns the address of the host on which the job runs. The server itself tells the hub
   its port.
7. `stop` ends the job, gently or at once.
8. `ending` tells how a job has ended, and `log_tail` returns the last lines of its log. A card is
   made of both.

A backend that does not answer raises NoAnswer. From that nothing follows about any server: none is
given up. Text that a backend returns may have been written by a user. It is data: it is shown,
never executed or trusted.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from .choice import Choice
    from .snapshot import Snapshot, SnapshotLoop


class NoAnswer(Exception):
    """The backend did not answer, or not in a form that can be read. Nothing follows from that
    about any job."""


class Refused(Exception):
    """The backend refused a request. `kind` says which part of it: `home`, `gate`, or the backend's
    own word."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Phase(enum.Enum):
    """Where a job is in its life."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"  # it holds its place, and none of its processes runs
    ENDED = "ended"
    # the backend has a word for it that this release does not know: the server is kept
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Job:
    """One job as its backend lists it. `start` is in seconds since the epoch, None where it is not
    known.

    `user` and `uid` are the account that owns it; `uid` is None where the backend does not tell it.
    `state` is the backend's own word. `tag` names the server to which the job says it belongs. Its
    owner can write any tag there, so that it counts only for a server of the same account.
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
    def pending(self) -> bool:
        return self.phase is Phase.PENDING

    @property
    def running(self) -> bool:
        """It has its place, whether its processes run or are suspended."""
        return self.phase in (Phase.RUNNING, Phase.SUSPENDED)

    @property
    def suspended(self) -> bool:
        return self.phase is Phase.SUSPENDED

    @property
    def ended(self) -> bool:
        return self.phase is Phase.ENDED


@dataclass(frozen=True, kw_only=True)
class Work:
    """One start of a server, as the hub knows it: which account, since when, and which job, once it
    is known.

    `intended` is when the hub decided to submit it, in seconds since the epoch.
    """

    tag: str
    account: str
    uid: int | None = None
    job: str | None = None
    intended: float

    def owns(self, uid: int | None, user: str) -> bool:
        """Whether a job of this owner can belong to this server.

        The numbers are compared where both are known: while a name service is away, programs print
        no names.
        """
        return uid == self.uid if uid is not None and self.uid is not None else user == self.account

    def job_in(self, snapshot: Snapshot) -> Job | None:
        """This server's job: by its id or, where that was never learnt, the youngest with its tag."""
        if self.job:
            found = [snapshot.jobs[self.job]] if self.job in snapshot.jobs else []
        else:
            found = snapshot.by_tag.get(self.tag, [])
        own = [job for job in found if self.owns(job.uid, job.user)]
        return max(own, key=lambda job: (len(job.id), job.id), default=None)


@dataclass(frozen=True)
class Offers:
    """What an account may ask for. None where the backend does not answer, or where nobody asked
    it."""

    accounts: tuple[str, ...] | None = None
    reservations: tuple[str, ...] | None = None


class Cause(enum.Enum):
    """Why a job ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    MEMORY = "memory"
    TIME = "time"
    NODE = "node"
    PREEMPTED = "preempted"
    CANCELLED = "cancelled"
    REVOKED = "revoked"  # another cluster of a federation has taken the job


@dataclass(frozen=True)
class Ending:
    """How a job ended. Memory in MiB, times in seconds; None where the backend does not know."""

    job: str
    cause: Cause
    exit_code: int = 0
    signal: int = 0
    node: str = ""
    elapsed: int | None = None
    limit: int | None = None
    peak_memory: int | None = None
    owner: int | None = None  # uid of its owner
    by: int | None = None  # uid of who cancelled it


class Explanation(NamedTuple):
    """A refusal in words for a user. `kind` is one word, for metrics and tests."""

    kind: str
    what: str
    remedy: str


class Backend(Protocol):
    """What every backend has. The module's docstring tells the order of the calls."""

    title: str
    """What users know it as, such as `Slurm`."""
    spawner: str
    """The class of the hub that starts servers on it, as `module:name`. It is a Server of
    hub/spawner/server.py."""
    queue: SnapshotLoop
    """Its jobs at one moment, and the loop that renews them."""
    strays: list[str]
    """Jobs with a tag of this site that are in no ledger. The reconciler writes them; the status
    page shows them."""

    async def offers(self, account: str) -> Offers:
        """What `account` may ask for. Returns within a few seconds, with None for what is not
        known."""
        ...

    async def submit(
        self, work: Work, choice: Choice, environment: dict[str, str], live: Collection[str]
    ) -> str:
        """Start a job as `work.account` and return its id. `live` are the account's jobs whose logs
        are in use.

        Raises Refused; and NoAnswer, after which the job may exist all the same.
        """
        ...

    def find(self, work: Work) -> Job | None:
        """The job in the last snapshot. Asks nobody."""
        ...

    async def look_up(self, work: Work) -> Job | None:
        """The job, asked for where the snapshot does not list it. None: it is gone. Raises
        NoAnswer."""
        ...

    def is_hidden(self, work: Work) -> bool:
        """Whether the backend has taken the job, and has never listed it to the hub."""
        ...

    def explain_reason(self, job: Job) -> str:
        """The sentence that says why a pending job waits. Asks nobody."""
        ...

    def explain_wait(self, job: Job, choice: Choice) -> str:
        """What its user reads while a job waits: where, why, and for how long. Asks nobody."""
        ...

    def explain_refusal(self, refusal: Refused) -> Explanation | None:
        """A refusal of `submit` in words; None where the backend has no words for it."""
        ...

    async def address(self, job: Job) -> str:
        """The address of the host on which a running job runs. Raises NoAnswer."""
        ...

    async def stop(self, work: Work, job: str, *, graceful: bool) -> bool:
        """End a job: by SIGTERM to the server, or at once. False if there is none. Raises Refused,
        NoAnswer."""
        ...

    async def ending(self, work: Work, job: str) -> Ending | None:
        """How a job ended. None where the backend does not remember it, or does not answer."""
        ...

    async def log_tail(self, work: Work, job: str) -> list[str]:
        """The last lines of a job's log; none where it cannot be read."""
        ...

    def loops(self) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What runs as long as the hub, by name. One of them is `queue.run`. One that fails is
        started again."""
        ...

    async def list_jobs(self) -> Collection[Job]:
        """Every job of this site, by a query of its own: for a command, which has no loop. Raises NoAnswer."""
        ...

    async def hidden_from(self, account: str) -> tuple[str, str] | None:
        """What hides other accounts' jobs from `account`, and the command that shows them. None: nothing does.

        Raises NoAnswer.
        """
        ...

    def status(self) -> dict[str, object]:
        """Whether it answers, and what it counts, for the administrator's status page. Times in
        seconds."""
        ...
