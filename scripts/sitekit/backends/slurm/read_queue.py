"""Read the list of the site's jobs from squeue or, if PrivateData hides jobs, from sacct."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from ...site import Site
from ..refresh_snapshot import SnapshotLoop
from ..start_and_job_records import Job
from .list_jobs import listed, recorded
from .parse_jobs import Listing
from .private_data import hidden_jobs, to_see_them

log = logging.getLogger(__name__)

# seconds until the hub checks again whether Slurm still hides users' jobs from the hub
PRIVACY_KEPT = 300.0


class Queue(SnapshotLoop):
    """Keep the last list of the site's jobs in Slurm's queue (the snapshot)."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site
        self.hidden = ""  # if PrivateData hides jobs from the hub: the setting, and the command that corrects it
        self.unreadable = 0  # the number of records in the last answer that could not be read
        self._looked: float | None = None

    async def read(self) -> Mapping[str, Job]:
        """Return all jobs in Slurm that have the job name of this site. Raises NoAnswer."""
        now = time.monotonic()
        if self._looked is None or (self.hidden and now - self._looked > PRIVACY_KEPT):
            await self.look_for_privacy()
        listing = await (recorded if self.hidden else listed)(self._site)
        self._note(listing)
        return listing.jobs

    def _note(self, listing: Listing) -> None:
        """Log a warning at the first answer with unreadable records. Log the next warning only
        after an answer without unreadable records."""
        if listing.unreadable and not self.unreadable:
            what = f"{listing.unreadable} of Slurm's records could not be read, and {len(listing.jobs)} could"
            log.warning("%s; those that could not are left out", what)
        self.unreadable = listing.unreadable

    async def look_for_privacy(self) -> None:
        """Find out whether squeue shows users' jobs to the hub. Raises NoAnswer."""
        hub = self._site.hub.user
        if hidden := await hidden_jobs(self._site, hub):
            hidden += " from the hub. Therefore the hub lists jobs with sacct, which does not report why a job waits. "
            hidden += f"Run: {to_see_them(hub)}"
        if hidden and hidden != self.hidden:
            log.error("%s", hidden)
        self.hidden, self._looked = hidden, time.monotonic()
