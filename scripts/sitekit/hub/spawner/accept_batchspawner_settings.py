"""Give a server on Slurm the interface of batchspawner's SlurmSpawner.

A site can set three kinds of batchspawner's settings in its own configuration: the settings
`req_*`, the regular expressions for the state of a job, and the expression for the job's host.
Because the expressions are applied to the last list of all jobs, no squeue runs for a single
server.
"""

from __future__ import annotations

from dataclasses import replace

from batchspawner import JobStatus, SlurmSpawner

from ...backends.start_and_job_records import Job, NoAnswer
from ...site.types.memory_and_time import format_memory, format_time
from .server_spawner import Server


class SlurmServer(Server, SlurmSpawner):
    """Run servers of tiers that use Slurm, as the child spawner."""

    backend_name = "slurm"

    def set_limits(self) -> None:
        """Copy the choice to JupyterHub's limits and to batchspawner's settings `req_*`.

        A site's own templates and hooks can use the settings `req_*`.
        """
        super().set_limits()
        self.req_partition = ",".join(self.choice.partitions)
        self.req_memory = format_memory(self.choice.memory)
        self.req_nprocs = str(self.choice.cpus * self.choice.tasks)
        self.req_runtime = format_time(self.choice.time)
        self.req_account, self.req_qos = self.choice.account, self.choice.qos
        self.req_reservation, self.req_gres = self.choice.reservation, self.choice.gres
        self.req_ngpus = str(self.choice.gpus or "")

    async def submit_batch_script(self) -> str:
        """Submit the job. In batchspawner, submit() has this name."""
        return await self.submit()

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Return the environment variables unchanged.

        batchspawner looks up the user in the directory of accounts, in the hub's event loop, and
        fails while the directory does not answer (batchspawner.py, UserEnvMixin). The gate sets
        HOME, USER and SHELL.
        """
        return env

    async def query_job_status(self) -> JobStatus:
        """Return the job's phase as batchspawner's JobStatus.

        The status is NOTFOUND only if Slurm itself reports that the job is gone.
        """
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
        """Return the server's job, and store the job's state and host in `job_status`. batchspawner
        applies its regular expressions to `job_status`."""
        self.job_status = ""
        job = await super().job()
        if job:
            self.job_status = f"{job.state} {job.host}".strip()
        return job

    async def address_of(self, job: Job) -> str | None:
        """Return the address of the job's host; None until the site's state_running_re matches.

        If the site has set state_exechost_exp, the result of this expression is the node's host
        name, as in batchspawner.
        """
        node = self.state_gethost() if self.state_isrunning() else None
        if not node or self.state_exechost_exp:
            return node
        return await self.backend.address(replace(job, host=node))
