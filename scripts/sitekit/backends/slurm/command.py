"""Run a program on this host, without a shell, within a time limit and a limit to its output."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass

from ...base.command import piped
from ...site import Site
from ..interface import NoAnswer

ANSWER = 256 * 1024**2  # bytes; a job takes some hundred in the longest of answers


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def slurm_environment(site: Site) -> dict[str, str]:
    """The environment for Slurm's programs. Times come as seconds since the epoch, free of time
    zones."""
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SLURM_TIME_FORMAT": "%s"}
    if site.slurm.conf:
        environment["SLURM_CONF"] = str(site.slurm.conf)
    return environment


async def run_program(
    argv: list[str],
    environment: dict[str, str],
    given: str = "",
    timeout: float = 8,
    most: int = ANSWER,
    ended: Callable[[], None] = lambda: None,
) -> Answer:
    """Run `argv` with `given` on its standard input. `ended` is called when it has ended, which may
    be after a timeout.

    Raises NoAnswer when it hangs, is not there, or says more than `most` bytes.
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
        ended()
        if isinstance(error, OSError):
            raise NoAnswer(f"{argv[0]}: {error.strerror}") from None
        raise
    _tell_end(process, ended)
    try:
        out, err = await asyncio.wait_for(_said(process, given.encode(), most), timeout)
    except BaseException as reason:
        # sudo is root's, and ends by itself
        with contextlib.suppress(ProcessLookupError, PermissionError):
            process._transport.close()  # type: ignore[attr-defined]  # kills it, and closes the pipes, which kill() does not
        if isinstance(reason, TimeoutError | asyncio.TimeoutError):
            raise NoAnswer(f"{argv[0]} did not answer within {timeout:g} s") from None
        raise
    return Answer(
        process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace").strip()
    )


async def _said(process: Process, given: bytes, most: int) -> tuple[bytes, bytes]:
    """communicate(), which has no bound: what a program says may be others' words. Raises NoAnswer."""

    async def all_of(stream: asyncio.StreamReader) -> bytes:
        pieces, size = [], 0
        while piece := await stream.read(65536):
            pieces.append(piece)
            if (size := size + len(piece)) > most:
                raise NoAnswer(f"the answer is longer than {most} bytes")
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


def _tell_end(process: Process, ended: Callable[[], None]) -> None:
    async def wait() -> None:
        try:
            await process.wait()
        finally:
            ended()

    task = asyncio.ensure_future(wait())
    _ends.add(task)
    task.add_done_callback(_ends.discard)
