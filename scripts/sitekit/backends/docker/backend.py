"""Run servers as containers. The container's address is on a network that only this host has."""

from __future__ import annotations

from ..job import Job, NoAnswer
from ..local.backend import LocalBackend


class DockerBackend(LocalBackend):
    """Run servers of a site as containers of Docker."""

    title = "Docker"
    engine = "docker"

    async def address(self, job: Job) -> str:
        """Return the container's address, which the engine gives. Raises NoAnswer."""
        if not job.host:
            raise NoAnswer("the container has no address yet")
        return job.host
