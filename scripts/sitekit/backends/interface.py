"""Define the interface between the hub and the backends that run its servers.

A backend, such as Slurm, consists of a folder beside this file, and one line in `BACKENDS` of
sitekit/site/backend_names.py. The hub itself keeps the ledger (its record of all starts), the cards
(texts about ended servers) and the progress page. For all other work on a server's job, the hub
calls a backend.

For one server, the hub calls the following methods in this order:

1. `offers` returns the names (partitions, reservations and others) that an account is allowed to
   request. The form on which users start a server shows these names.
2. The hub writes the server's `Work` to its ledger, and then calls `submit`, which returns the
   job's id.
3. `find` returns the job from the last list of all jobs, without a query. A loop renews this list
   for all servers.
4. `look_up` queries the backend for one job that the last list of jobs does not contain. The result
    None means that the job certainly does not exist any more.
5. `wait` returns where the job waits, why, and for how long. The hub shows this to the waiting
   user.
6. `address` returns the address of the host on which the job runs. The server itself reports its
   port to the hub.
7. `stop` ends the job, gently or at once.
8. `ending` returns how a job has ended, and `log_tail` the last lines of its log. The hub makes a
   card from the results of both methods.

A backend that does not answer raises NoAnswer. The hub never concludes from NoAnswer that a server
has ended. A user may have written the texts that a backend returns, such as lines of a log. The hub
only shows texts from a backend, and never executes or trusts them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Protocol

from .fitting_servers import FreeNode
from .refresh_snapshot import SnapshotLoop
from .resource_choice import Choice
from .start_and_job_records import (
    Ending,
    Explanation,
    Job,
    Maintenance,
    Offers,
    Refused,
    Wait,
    Work,
)


class Backend(Protocol):
    """Define the methods of a backend. The text at the beginning of this file gives the order in
    which the hub calls these methods.
    """

    title: str
    """The name that users know, such as `Slurm`."""
    spawner: str
    """The hub's class that starts servers on this backend, as `module:name`.

    It derives from Server in hub/spawner/server_spawner.py.
    """
    queue: SnapshotLoop
    """The last list of all jobs, with the loop that queries the backend for a new list."""
    strays: list[str]
    """Jobs that look like jobs of this site but are not in the hub's record of servers.

    hub/spawner/reconcile.py sets this list, and the status page shows it.
    """

    async def offers(self, account: str) -> Offers:
        """Return the names (partitions, reservations and others) that `account` is allowed to
        request. This method returns after at most a few seconds.

        A list of names is None if the backend has no such names, or if the backend does not answer.
        """
        ...

    async def submit(
        self, work: Work, choice: Choice, environment: dict[str, str], live: Collection[str]
    ) -> str:
        """Start a job under the account `work.account`, and return the job's id.

        `live` contains the numbers of the account's live jobs, whose logs must not be removed.
        Raises Refused, or NoAnswer. If NoAnswer is raised, the job may nevertheless exist.
        """
        ...

    def find(self, work: Work) -> Job | None:
        """Return the job from the last list of all jobs, without a new query."""
        ...

    async def look_up(self, work: Work) -> Job | None:
        """Return the job of a server.

        The backend is queried if the last list of jobs does not contain the job. Returns None if
        the job has certainly ended. Raises NoAnswer.
        """
        ...

    def is_hidden(self, work: Work) -> bool:
        """Return whether the backend accepted the job, but has never listed the job to the hub."""
        ...

    def explain_reason(self, job: Job) -> str:
        """Return a sentence with the reason why a pending job waits. No query is made."""
        ...

    def wait(self, job: Job) -> Wait:
        """Return where a pending job waits, why, and for how long. No query is made."""
        ...

    def expected_start(self, tier: str) -> int | None:
        """Return the time when a new server of this tier would start, in seconds since the epoch.

        None means that the expected start is not known. No query is made.
        """
        ...

    async def free_nodes(self) -> Collection[FreeNode] | None:
        """Return the free CPUs, memory and GPUs of each node. The data is at most a few minutes
        old. Return None if the free resources are not known.

        The backend is queried at most once a minute, and all callers share the result. A call takes
        at most a second.
        """
        ...

    def explain_refusal(self, refusal: Refused) -> Explanation | None:
        """Return a text that explains to the user why `submit` was refused. Return None if the
        backend has no explanation for the error.
        """
        ...

    async def address(self, job: Job) -> str:
        """Return the address of the host on which a running job runs. Raises NoAnswer."""
        ...

    async def stop(self, work: Work, job: str, *, graceful: bool) -> bool:
        """End a job. If `graceful` is true, the server gets SIGTERM; otherwise the job ends at
        once. Returns False if there is no such job.

        Raises Refused, NoAnswer.
        """
        ...

    async def ending(self, work: Work, job: str) -> Ending | None:
        """Return how a job ended. Return None if the backend does not answer, or has no record of
        the job any more.
        """
        ...

    async def log_tail(self, work: Work, job: str) -> list[str]:
        """Return the last lines of a job's log; no lines if the log cannot be read."""
        ...

    def loops(self) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Return the backend's loops, which must run as long as the hub runs: name -> function that
        starts the loop.

        The result contains `queue.run`, which renews the list of all jobs. The hub restarts a loop
        that fails.
        """
        ...

    async def list_jobs(self) -> Collection[Job]:
        """Query the backend once, and return every job of this site. Raises NoAnswer."""
        ...

    async def hidden_from(self, account: str) -> tuple[str, str] | None:
        """Return the backend's setting that hides other users' jobs from `account`, and a command
        with which the account can see these jobs. Returns None if no jobs are hidden. Raises
        NoAnswer.
        """
        ...

    async def node_names(self) -> Collection[str]:
        """Query the backend for the names of the nodes on which servers can run. Returns an empty
        collection if the backend has only the hub's own host. Raises NoAnswer.
        """
        ...

    def maintenance(self) -> Collection[Maintenance]:
        """Return the maintenance windows that were last read from the backend. No query is sent."""
        ...

    def status(self) -> dict[str, object]:
        """Return the data about the backend for the status page: whether the backend answers, and
        how many queries the hub has sent to the backend.

        Times are in seconds.
        """
        ...
