"""Read Slurm's maintenance windows: the reservations with the flag MAINT.

A loop reads the windows every few minutes for all pages. Names and comments of reservations are not
used.
"""

from __future__ import annotations

import asyncio
import logging
import re

from ...site import Site
from ..refresh_snapshot import SnapshotLoop
from ..start_and_job_records import Maintenance, NoAnswer
from .list_jobs import answered
from .transport import ask_slurm

log = logging.getLogger(__name__)

EVERY = 120.0  # seconds between two queries
MOST = 20  # the most windows that are kept; these are the windows that begin first


class MaintenanceWindows:
    """Store the maintenance windows that Slurm had at the last query."""

    def __init__(self, site: Site, queue: SnapshotLoop) -> None:
        self._site, self._queue = site, queue
        self.windows: tuple[Maintenance, ...] = ()

    async def run(self) -> None:
        """Read the windows every EVERY seconds. As long as Slurm does not answer, the hub keeps the
        windows that were last read.
        """
        while True:
            await self._queue.spend()
            try:
                words = ("--oneliner", "show", "reservation")
                text = answered(await ask_slurm(self._site, "scontrol", *words))
                self.windows = read_windows(text, self._partitions())
            except NoAnswer as trouble:
                log.debug("Slurm's reservations could not be read: %s", trouble)
            await asyncio.sleep(EVERY)

    def _partitions(self) -> frozenset[str]:
        tiers = [tier for tier in self._site.tiers if tier.runs_on == "slurm"]
        return frozenset(name for tier in tiers for name in tier.partitions)


def read_windows(text: str, partitions: frozenset[str]) -> tuple[Maintenance, ...]:
    """Return the maintenance windows in the output of `scontrol --oneliner show reservation`.

    A window is omitted if it applies only to partitions that the site does not use.
    """
    found = []
    for line in text.splitlines():
        # Only the first value of each key is used, because the comment at the end may contain any
        # key again.
        fields = dict(reversed(re.findall(r"(\w+)=(\S*)", line)))
        flags = fields.get("Flags", "").split(",")
        times = [fields.get(key, "") for key in ("StartTime", "EndTime")]
        partition = fields.get("PartitionName", "(null)")
        ours = partition == "(null)" or partition in partitions
        if "MAINT" in flags and ours and all(re.fullmatch(r"[0-9]{1,11}", at) for at in times):
            found.append(Maintenance(int(times[0]), int(times[1]), "ALL_NODES" in flags))
    return tuple(sorted(found, key=lambda one: one.begins)[:MOST])
