"""Run one of Slurm's programs from the hub: no shell, a time limit, the site's slurm.conf."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from ...site import Site


class Silent(Exception):
    """The scheduler did not answer, or did not answer sensibly. Nothing follows from that about any job."""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def slurm_environment(site: Site) -> dict[str, str]:
    """The environment for Slurm's programs. Times come as seconds since the epoch, free of time zones."""
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SLURM_TIME_FORMAT": "%s"}
    if site.slurm.conf:
        environment["SLURM_CONF"] = str(site.slurm.conf)
    return environment


async def say(site: Site, program: str, *words: str, timeout: float = 8) -> Answer:
    """Run `program` of Slurm with `words`. `timeout` in seconds. Raises Silent when it hangs or is not there."""
    return await converse([str(site.slurm.bin / program), *words], slurm_environment(site), timeout=timeout)


async def converse(argv: list[str], environment: dict[str, str], given: str = "", timeout: float = 8) -> Answer:
    """Run `argv` with `given` on its standard input. Raises Silent when it hangs or is not there."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise Silent(f"{argv[0]}: {error.strerror}") from None
    try:
        out, err = await asyncio.wait_for(process.communicate(given.encode()), timeout)
    except BaseException as reason:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # sudo is root's, and ends by itself
                process.kill()
        if isinstance(reason, TimeoutError | asyncio.TimeoutError):
            raise Silent(f"{argv[0]} did not answer within {timeout:g} s") from None
        raise
    return Answer(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace").strip())
