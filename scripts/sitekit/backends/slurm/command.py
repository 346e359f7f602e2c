"""Run one of Slurm's programs from the hub: no shell, a time limit, the site's slurm.conf."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass

from ...base.command import piped
from ...site import Site

ANSWER = 256 * 1024**2  # bytes; a job takes some hundred in the longest of answers


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


async def converse(
    argv: list[str],
    environment: dict[str, str],
    given: str = "",
    timeout: float = 8,
    most: int = ANSWER,
    over: Callable[[], None] = lambda: None,
) -> Answer:
    """Run `argv` with `given` on its standard input. `over` is called when it has ended, which may be long after this.

    Raises Silent when it hangs, is not there, or says more than `most` bytes.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except BaseException as error:
        over()
        if isinstance(error, OSError):
            raise Silent(f"{argv[0]}: {error.strerror}") from None
        raise
    _tell_end(process, over)
    try:
        out, err = await asyncio.wait_for(_said(process, given.encode(), most), timeout)
    except BaseException as reason:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # sudo is root's, and ends by itself
            process._transport.close()  # type: ignore[attr-defined]  # kills it, and closes the pipes, which kill() does not
        if isinstance(reason, TimeoutError | asyncio.TimeoutError):
            raise Silent(f"{argv[0]} did not answer within {timeout:g} s") from None
        raise
    return Answer(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace").strip())


async def _said(process: Process, given: bytes, most: int) -> tuple[bytes, bytes]:
    """communicate(), which has no bound: what a program says may be others' words. Raises Silent."""

    async def all_of(stream: asyncio.StreamReader) -> bytes:
        pieces, size = [], 0
        while piece := await stream.read(65536):
            pieces.append(piece)
            if (size := size + len(piece)) > most:
                raise Silent(f"the answer is longer than {most} bytes")
        return b"".join(pieces)

    async def tell(stream: asyncio.StreamWriter) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stream.write(given)
            await stream.drain()
        stream.close()

    out, err, _ = await asyncio.gather(
        all_of(piped(process.stdout)), all_of(piped(process.stderr)), tell(piped(process.stdin))
    )
    await process.wait()
    return out, err


_ends: set[asyncio.Task[None]] = set()  # the event loop itself holds tasks only weakly


def _tell_end(process: Process, over: Callable[[], None]) -> None:
    async def wait() -> None:
        try:
            await process.wait()
        finally:
            over()

    task = asyncio.ensure_future(wait())
    _ends.add(task)
    task.add_done_callback(_ends.discard)
