"""Run users' servers as Docker containers on the hub's host. A container's address is in a Docker
network that only this host can reach."""

from __future__ import annotations

from ..job import Job, NoAnswer
from ..local.backend import LocalBackend


class DockerBackend(LocalBackend):
    """Run servers of a site as containers of Docker."""

    title = "Docker"
    engine = "docker"

    async def address(self, job: Job) -> str:
        """Return the container's IP address, as Docker reports it. Raises NoAnswer."""
        if not job.host:
            raise NoAnswer("the container has no address yet")
        return job.host
