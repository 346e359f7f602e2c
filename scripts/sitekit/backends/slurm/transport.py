"""Run Slurm's programs and the gate, on this host with sudo, or on a login node by SSH."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ...site import Site
from .run_local_program import ANSWER, ENVIRONMENT, Answer, run_program, slurm_environment
from .ssh import Ssh

SUDO = "/usr/bin/sudo"


class Transport(Protocol):
    """Run programs on a host that has Slurm's programs."""

    name: str
    """The name of the program or host that runs the gate as another account, for messages."""

    async def run(
        self,
        argv: Sequence[str],
        stdin: str = "",
        timeout: float = 8,
        most: int = ANSWER,
        ended: Callable[[], None] = ...,
    ) -> Answer:
        """Run a program. `timeout` is in seconds, `most` is a limit of its output in bytes.

        The function `ended` is called when the program has ended. The program may end long after
        the timeout. Raises NoAnswer.
        """
        ...

    def as_user(self, account: str) -> Transport:
        """Return a transport that runs programs as a cluster account.

        The returned transport is allowed to run only the gate.
        """
        ...


class Local:
    """Run programs on this host, as the hub's account."""

    name = "sudo"

    def __init__(self, site: Site, prefix: Sequence[str] = ()) -> None:
        self._site, self._prefix = site, tuple(prefix)

    async def run(
        self,
        argv: Sequence[str],
        stdin: str = "",
        timeout: float = 8,
        most: int = ANSWER,
        ended: Callable[[], None] = lambda: None,
    ) -> Answer:
        environment = slurm_environment(self._site)
        if self._prefix:  # sudo runs the gate, which sets the environment for Slurm's programs
            environment = ENVIRONMENT
        return await run_program([*self._prefix, *argv], environment, stdin, timeout, most, ended)

    def as_user(self, account: str) -> Local:
        return Local(self._site, (SUDO, "-n", "-u", account, "--"))


def transport(site: Site) -> Transport:
    """Return the site's transport, which runs Slurm's programs on this host or on a login node."""
    return Ssh(site) if site.slurm.ssh else Local(site)


async def ask_slurm(site: Site, program: str, *words: str, timeout: float = 8) -> Answer:
    """Run a program of Slurm, and return its output; `timeout` is in seconds.

    Raises NoAnswer if the program hangs or does not exist.
    """
    return await transport(site).run([str(site.slurm.bin / program), *words], timeout=timeout)
