"""Implement sitekit.backends.interface.Backend for Slurm, from the parts in this folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Any, cast

from ...site import Site
from ..fitting_servers import FreeNode
from ..resource_choice import Choice
from ..start_and_job_records import (
    Ending,
    Explanation,
    Job,
    Maintenance,
    NoAnswer,
    Offers,
    Refused,
    Wait,
    Work,
)
from . import gate_client
from .accounts_and_reservations import Names
from .compare_hub_and_cluster_release import ServersRelease
from .ended_jobs_and_node_addresses import ended_job, node_address
from .find_jobs import OpenWork, ServerJobs
from .forecast import Forecast
from .free_resources import FreeNodes
from .list_jobs import answered, listed
from .maintenance_windows import MaintenanceWindows
from .parse_jobs import SlurmJob
from .pending_reasons import explain
from .private_data import hidden_jobs, to_see_them
from .read_queue import Queue
from .sbatch_errors import explain_refusal, is_invalid_node
from .ssh import keep_connected
from .transport import ask_slurm

log = logging.getLogger(__name__)

ADDRESS_KEPT = 600.0  # seconds that a node's address is cached


class SlurmBackend:
    """Run servers of a site as Slurm jobs.

    `open_work` returns the starts of servers that may still have a job in Slurm.
    """

    title = "Slurm"
    spawner = "sitekit.hub.spawner.accept_batchspawner_settings:SlurmServer"

    def __init__(self, site: Site, open_work: OpenWork) -> None:
        self._site = site
        self.queue = Queue(site)
        self.strays: list[str] = []
        self._names = Names(site)
        self._release = ServersRelease(site)
        self._maintenance = MaintenanceWindows(site, self.queue)
        self._jobs = ServerJobs(site, self.queue, open_work)
        self._free = FreeNodes(site, self.queue)
        self._forecast = Forecast(site, self.queue, self._jobs.waiting)
        # node -> (time of the query, address)
        self._addresses: dict[str, tuple[float, str]] = {}

    async def offers(self, account: str) -> Offers:
        """Return the user's Slurm accounts and reservations.

        Slurm is queried only if a tier uses accounts or reservations.
        """
        tiers = [tier for tier in self._site.tiers if tier.runs_on == "slurm"]
        accounts = reservations = None
        if any(
            tier.requires.account or tier.choose.account or tier.choose.reservation
            for tier in tiers
        ):
            accounts = await self._names.accounts(account)
        if any(tier.choose.reservation for tier in tiers):
            reservations = await self._names.reservations(account, accounts)
        return Offers(accounts, reservations)

    async def submit(
        self, work: Work, choice: Choice, environment: dict[str, str], live: Collection[str]
    ) -> str:
        """Send the job's resources to the gate; return the job's id. Raises Refused, NoAnswer.

        The gate writes the job script, and runs sbatch under the user's account. If an excluded
        node is no longer in slurm.conf, sbatch refuses the job. In this case, the job is submitted
        again without excluded nodes.
        """
        await self._release.check()
        try:
            request = gate_client.request_of(
                choice, work.tag, environment, live
            ) | gate_client.user_of(work)
            try:
                return await gate_client.submit(self._site, work.account, request)
            except Refused as refusal:
                if not (choice.exclude and is_invalid_node(refusal)):
                    raise
                log.warning(
                    "Slurm does not have each of the drained nodes %s; job of start %s is submitted "
                    "without excluding them: make undrain NODE=...",
                    choice.exclude,
                    work.tag,
                )
                del request["exclude"]
                return await gate_client.submit(self._site, work.account, request)
        except NoAnswer:
            self.queue.look()
            raise

    def find(self, work: Work) -> Job | None:
        return self._jobs.find(work)

    async def look_up(self, work: Work) -> Job | None:
        return await self._jobs.look_up(work)

    def is_hidden(self, work: Work) -> bool:
        return self._jobs.is_hidden(work)

    def explain_reason(self, job: Job) -> str:
        return explain(cast(SlurmJob, job).reason)

    def wait(self, job: Job) -> Wait:
        return self._forecast.wait(cast(SlurmJob, job))

    def expected_start(self, tier: str) -> int | None:
        return None if self._forecast.stale else self._forecast.starts.get(tier)

    async def free_nodes(self) -> tuple[FreeNode, ...] | None:
        return await self._free.recent()

    def explain_refusal(self, refusal: Refused) -> Explanation | None:
        return explain_refusal(refusal)

    async def address(self, job: Job) -> str:
        """Return the node's IP address or host name from Slurm, cached for ADDRESS_KEPT seconds.
        Raises NoAnswer."""
        known = self._addresses.get(job.host)
        if known is None or time.monotonic() - known[0] > ADDRESS_KEPT:
            known = (time.monotonic(), await node_address(self._site, job.host))
            self._addresses[job.host] = known
        return known[1]

    async def stop(self, work: Work, job: str, *, graceful: bool) -> bool:
        return await gate_client.cancel(self._site, work, job, graceful=graceful)

    async def ending(self, work: Work, job: str) -> Ending | None:
        record = await ended_job(self._site, job, work.owns)
        return record.ending() if record else None

    async def log_tail(self, work: Work, job: str) -> list[str]:
        return await gate_client.log_lines(self._site, work, job)

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        loops: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "queue snapshot": self.queue.run,
            "forecast": self._forecast.run,
            "maintenance windows": self._maintenance.run,
            "ended servers": self._jobs.forget_ended,
        }
        if self._site.slurm.ssh:
            loops["connection to the login node"] = partial(keep_connected, self._site)
        return loops

    async def list_jobs(self) -> Collection[Job]:
        return (await listed(self._site)).jobs.values()

    async def hidden_from(self, account: str) -> tuple[str, str] | None:
        hidden = await hidden_jobs(self._site, account)
        return (hidden, to_see_them(account)) if hidden else None

    async def node_names(self) -> Collection[str]:
        words = ("--noheader", "--all", "--Node", "--format=%N")
        return set(answered(await ask_slurm(self._site, "sinfo", *words)).split())

    def maintenance(self) -> Collection[Maintenance]:
        return self._maintenance.windows

    def status(self) -> dict[str, object]:
        return self.queue.status() | {
            "hidden": self.queue.hidden,
            "strays": self.strays,
            "unseen": sorted(self._jobs.unseen.values(), key=int),
        }
