"""Run users' servers as Docker containers on the hub's host. The IP address of a container belongs
to a Docker network that only this host can reach.
"""

from __future__ import annotations

from ..local.backend import LocalBackend
from ..start_and_job_records import Job, NoAnswer


class DockerBackend(LocalBackend):
    """Run servers of a site as containers of Docker."""

    title = "Docker"
    engine = "docker"

    async def address(self, job: Job) -> str:
        """Return the container's IP address, as Docker reports it. Raises NoAnswer if the container
        has no IP address yet.
        """
        if not job.host:
            raise NoAnswer("the container has no address yet")
        return job.host
