"""A server on Slurm, as batchspawner's SlurmSpawner is one: with its req_* traits, its state
regexes and its exec host.

Sites set these in their own configuration. They read the shared snapshot here, in place of a squeue
of each server's.
"""

from __future__ import annotations

from dataclasses import replace

from batchspawner import JobStatus, SlurmSpawner

from ...backends.interface import Job, NoAnswer
from ...site.units import format_memory, format_time
from .server import Server


class SlurmServer(Server, SlurmSpawner):
    """The child for the tiers that run on Slurm."""

    backend_name = "slurm"

    def take_figures(self) -> None:
        """The choice as batchspawner's req_* traits too, for templates and hooks that read them."""
        super().take_figures()
        self.req_partition = ",".join(self.choice.partitions)
        self.req_memory = format_memory(self.choice.memory)
        self.req_nprocs = str(self.choice.cpus)
        self.req_runtime = format_time(self.choice.time)
        self.req_account, self.req_qos = self.choice.account, self.choice.qos
        self.req_reservation, self.req_gres = self.choice.reservation, self.choice.gres
        self.req_ngpus = str(self.choice.gpus or "")

    async def submit_batch_script(self) -> str:
        """batchspawner's name for submit()."""
        return await self.submit()

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Nothing more: batchspawner's asks the directory in the hub's event loop, and fails where
        it is silent (batchspawner.py, UserEnvMixin). HOME, USER and SHELL are the gate's to set."""
        return env

    async def query_job_status(self) -> JobStatus:
        """batchspawner's name for the job's phase. Only Slurm's own word makes it NOTFOUND."""
        try:
            job = await self.job()
        except NoAnswer:
            return JobStatus.UNKNOWN
        if job is None or job.ended:
            return JobStatus.NOTFOUND
        if self.state_ispending() or job.pending:
            return JobStatus.PENDING
        return JobStatus.RUNNING if self.state_isrunning() or job.running else JobStatus.UNKNOWN

    async def job(self) -> Job | None:
        """Its job. `job_status` is written, as batchspawner's regexes read it."""
        self.job_status = ""
        job = await super().job()
        if job:
            self.job_status = f"{job.state} {job.host}".strip()
        return job

    def is_running(self, job: Job) -> bool:
        """By the site's state_running_re, where it has one."""
        return bool(self.state_isrunning())

    async def address_of(self, job: Job) -> str:
        """What state_exechost_exp makes of the node's name is an address already, as in
        batchspawner."""
        node = self.state_gethost() or ""
        if self.state_exechost_exp:
            return str(node)
        return await super().address_of(replace(job, host=node))
