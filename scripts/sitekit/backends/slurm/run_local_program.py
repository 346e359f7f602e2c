"""Run a program on this host, without a shell, with limits of the running time and of the
output."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import Process
from collections.abc import Callable
from dataclasses import dataclass

from ...base.run_program import piped
from ...site import Site
from ..start_and_job_records import NoAnswer

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
"""The environment variables of programs that need none of the hub's own variables."""
ANSWER = 256 * 1024**2  # the most bytes of an answer; each job in a list takes some hundred bytes


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


def slurm_environment(site: Site) -> dict[str, str]:
    """Return the environment variables with which the hub runs Slurm's programs.

    The environment variables make Slurm's programs print times as seconds since the epoch, which do
    not depend on time zones.
    """
    environment = {**ENVIRONMENT, "SLURM_TIME_FORMAT": "%s"}
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
    """Run `argv` with `given` on its standard input.

    The function `ended` is called when the program has ended. The program may end later than the
    timeout. Raises NoAnswer if the program hangs, does not exist, or prints more than `most` bytes.
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
    _call_at_end(process, ended)
    try:
        out, err = await asyncio.wait_for(_communicate(process, given.encode(), most), timeout)
    except BaseException as reason:
        # the hub cannot kill sudo, which runs as root; sudo ends by itself
        with contextlib.suppress(ProcessLookupError, PermissionError):
            process._transport.close()  # type: ignore[attr-defined]  # unlike kill(), this also closes the pipes
        if isinstance(reason, TimeoutError | asyncio.TimeoutError):
            raise NoAnswer(f"{argv[0]} did not answer within {timeout:g} s") from None
        raise
    return Answer(
        process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace").strip()
    )


async def _communicate(process: Process, given: bytes, most: int) -> tuple[bytes, bytes]:
    """Return standard output and standard error, like communicate(), but with a limit.

    The output is limited, because other users may have written the text that the program prints.
    Raises NoAnswer.
    """

    async def read_all(stream: asyncio.StreamReader) -> bytes:
        pieces, size = [], 0
        while piece := await stream.read(65536):
            pieces.append(piece)
            if (size := size + len(piece)) > most:
                raise NoAnswer(f"the answer is longer than {most} bytes")
        return b"".join(pieces)

    async def write_all(stream: asyncio.StreamWriter) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stream.write(given)
            await stream.drain()
        stream.close()

    out, err, _ = await asyncio.gather(
        read_all(piped(process.stdout)),
        read_all(piped(process.stderr)),
        write_all(piped(process.stdin)),
    )
    await process.wait()
    return out, err


# Python can delete a running task that no variable refers to. This set refers to the tasks, and
# therefore prevents this.
_ends: set[asyncio.Task[None]] = set()


def _call_at_end(process: Process, ended: Callable[[], None]) -> None:
    """Call the function `ended` when the process has ended."""

    async def wait() -> None:
        try:
            await process.wait()
        finally:
            ended()

    task = asyncio.ensure_future(wait())
    _ends.add(task)
    task.add_done_callback(_ends.discard)
