"""How Slurm's programs and the gate are run: on this host, by sudo where somebody else is to run
them.

A login node at the other end of SSH is another transport.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ...site import Site
from .command import ANSWER, Answer, run_program, slurm_environment

SUDO = "/usr/bin/sudo"


class Transport(Protocol):
    """Runs programs where Slurm's programs are."""

    async def run(
        self,
        argv: Sequence[str],
        stdin: str = "",
        timeout: float = 8,
        most: int = ANSWER,
        ended: Callable[[], None] = ...,
    ) -> Answer:
        """Run a program. `timeout` in seconds, `most` in bytes of its output.

        `ended` is called when the program has ended, which may be long after a timeout. Raises
        NoAnswer.
        """
        ...

    def as_user(self, account: str) -> Transport:
        """The same, with programs run as a cluster account. Only the gate may be run so."""
        ...


class Local:
    """Programs run on this host, as the hub's own account."""

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
        environment = (
            {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
            if self._prefix
            else slurm_environment(self._site)
        )
        return await run_program([*self._prefix, *argv], environment, stdin, timeout, most, ended)

    def as_user(self, account: str) -> Local:
        return Local(self._site, (SUDO, "-n", "-u", account, "--"))


def transport(site: Site) -> Transport:
    """The transport of this site."""
    return Local(site)


async def ask_slurm(site: Site, program: str, *words: str, timeout: float = 8) -> Answer:
    """Run `program` of Slurm with `words`. `timeout` in seconds. Raises NoAnswer when it hangs or
    is not there."""
    return await transport(site).run([str(site.slurm.bin / program), *words], timeout=timeout)
