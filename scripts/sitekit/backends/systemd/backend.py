"""Run users' servers as systemd units on the hub's host. A server in a systemd unit listens only on
the loopback address."""

from __future__ import annotations

from ..local.backend import LocalBackend
from ..start_and_job_records import Job


class SystemdBackend(LocalBackend):
    """Run servers of a site as transient systemd units."""

    title = "systemd"
    engine = "systemd"

    async def address(self, job: Job) -> str:
        return "127.0.0.1"
