"""Define the interface between the hub and the backends that run its servers.

A backend, such as Slurm, consists of a folder beside this file, and one line in `BACKENDS` of
sitekit/site/backends.py. The hub keeps the ledger, the cards and the progress page. For everything
else it calls a backend.

For one server, the hub calls these methods in this order:

1. `offers` returns the names that an account may request. The form shows these names.
2. The hub writes the server's `Work` to its ledger. Only then does the hub call `submit`, which
   returns the job's id.
3. `find` returns the job from the last snapshot, without a query. A loop renews the snapshot for
   all servers.
4. `look_up` queries the backend for one job that the snapshot does not list. The result None means
   that the job is certainly gone.
5. `explain_wait` returns a text for the waiting user: where the job waits, why, and for how long.
6. `address` returns the address of the host on which the job runs. The server itself reports its
   port to the hub.
7. `stop` ends the job, gently or at once.
8. `ending` returns how a job has ended, and `log_tail` the last lines of its log. The hub makes a
   card from the results of both methods.

A backend that does not answer raises NoAnswer. The hub does not end a server because of NoAnswer.
A user may have written texts that a backend returns. These texts are only shown, and are never
executed or trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Protocol

from .choice import Choice
from .job import Ending, Explanation, Job, Offers, Refused, Work
from .snapshot import SnapshotLoop


class Backend(Protocol):
    """Define the methods of a backend; the module docstring gives the order of the calls."""

    title: str
    """The name that users know, such as `Slurm`."""
    spawner: str
    """The hub's class that starts servers on this backend, as `module:name`.

    It derives from Server in hub/spawner/server.py.
    """
    queue: SnapshotLoop
    """The jobs at one moment, and the loop that renews them."""
    strays: list[str]
    """Jobs that have a tag of this site and no row in the ledger.

    The reconciler sets it, and the status page shows it.
    """

    async def offers(self, account: str) -> Offers:
        """Return the names that `account` may request, within a few seconds.

        A value is None if the backend does not know the names.
        """
        ...

    async def submit(
        self, work: Work, choice: Choice, environment: dict[str, str], live: Collection[str]
    ) -> str:
        """Start a job as `work.account`, and return its id.

        `live` are the account's jobs whose logs are in use. Raises Refused, or NoAnswer. After
        NoAnswer the job may exist all the same.
        """
        ...

    def find(self, work: Work) -> Job | None:
        """Return the job in the last snapshot, without a query."""
        ...

    async def look_up(self, work: Work) -> Job | None:
        """Return the job, with a query if the snapshot does not list it.

        None means that the job is gone. Raises NoAnswer.
        """
        ...

    def is_hidden(self, work: Work) -> bool:
        """Return whether the backend accepted the job, but has never listed it to the hub."""
        ...

    def explain_reason(self, job: Job) -> str:
        """Return a sentence about why a pending job waits, without a query."""
        ...

    def explain_wait(self, job: Job, choice: Choice) -> str:
        """Return the text that the user reads while the job waits, without a query.

        The text contains where the job waits, why, and for how long.
        """
        ...

    def explain_refusal(self, refusal: Refused) -> Explanation | None:
        """Explain a refusal of `submit`; None if the backend does not know the error."""
        ...

    async def address(self, job: Job) -> str:
        """Return the address of the host on which a running job runs. Raises NoAnswer."""
        ...

    async def stop(self, work: Work, job: str, *, graceful: bool) -> bool:
        """End a job: by SIGTERM to the server, or at once. Returns False if there is no such job.

        Raises Refused, NoAnswer.
        """
        ...

    async def ending(self, work: Work, job: str) -> Ending | None:
        """Return how a job ended; None if the backend does not answer, or has forgotten it."""
        ...

    async def log_tail(self, work: Work, job: str) -> list[str]:
        """Return the last lines of a job's log; none if it cannot be read."""
        ...

    def loops(self) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Return the coroutines that run as long as the hub, by name.

        One of the coroutines is `queue.run`. The hub restarts a coroutine that fails.
        """
        ...

    async def list_jobs(self) -> Collection[Job]:
        """Return every job of this site by a new query, without a loop. Raises NoAnswer."""
        ...

    async def hidden_from(self, account: str) -> tuple[str, str] | None:
        """Return the setting that hides jobs from `account`, and a command that helps, or None.

        Raises NoAnswer.
        """
        ...

    def status(self) -> dict[str, object]:
        """Return whether the backend answers, and its counters, for the status page.

        Times are in seconds.
        """
        ...
