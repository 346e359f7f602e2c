"""Jobs by their numbers, where the snapshot does not list them: many callers' questions in one
query.

A job can be missing there because it has ended long ago, because its owner has given it another
name, or because Slurm does not show it to the hub.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from ...site import Site
from ..interface import NoAnswer
from .listing import listed_by_number, recorded_by_number
from .parse import SlurmJob
from .queue import Queue

AT_ONCE = 2000  # numbers in one query: an argument has 128 KiB at most


@dataclass(frozen=True)
class Found:
    """What slurmctld and the accounting say. `listed` is None where PrivateData hides jobs from the
    hub, so that what slurmctld does not show may exist."""

    listed: dict[str, SlurmJob] | None = None
    recorded: dict[str, SlurmJob] = field(default_factory=dict)


class Lookup:
    """Questions wait for the queue's allowance; all that have come until then are asked together."""

    def __init__(self, site: Site, queue: Queue) -> None:
        self._site, self._queue = site, queue
        self._numbers: set[str] = set()
        self._round: asyncio.Future[Found] | None = None

    async def ask(self, number: str) -> Found:
        """What Slurm knows of this job, among others. Raises NoAnswer."""
        self._numbers.add(number)
        if self._round is None:
            self._round = asyncio.ensure_future(self._ask())
        # it is everybody's: one caller who gives up must not end it
        return await asyncio.shield(self._round)

    async def _ask(self) -> Found:
        await self._queue.spend()
        numbers, self._numbers, self._round = sorted(self._numbers), set(), None
        # now: to an account from which jobs are hidden, Slurm denies them
        await self._queue.look_for_privacy()
        found = Found(None if self._queue.hidden else {})
        for at in range(0, len(numbers), AT_ONCE):
            await self._add(found, set(numbers[at : at + AT_ONCE]))
        return found

    async def _add(self, found: Found, numbers: set[str]) -> None:
        """Slurmctld's answer, and the accounting's on those that slurmctld does not show, if there
        is an accounting."""
        if found.listed is not None:
            found.listed.update(await listed_by_number(self._site, numbers))
        if missing := numbers - set(found.listed or ()):
            with contextlib.suppress(NoAnswer):
                found.recorded.update(await recorded_by_number(self._site, missing))
