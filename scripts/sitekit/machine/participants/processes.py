"""Find and end the processes of participants' accounts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress

import psutil

from ...base.errors import Problem

PATIENCE = 5
"""The time in seconds between SIGTERM and SIGKILL for a process."""


def processes_of(uids: Collection[int]) -> list[psutil.Process]:
    """Return the processes with one of these uids, without zombie processes."""
    found = []
    for process in psutil.process_iter(["uids", "status"]):
        numbers = process.info["uids"]
        if numbers and process.info["status"] != psutil.STATUS_ZOMBIE and {*numbers} & {*uids}:
            found.append(process)
    return found


def describe(process: psutil.Process) -> str:
    """Return a text such as `python3 (process 1234 of training01)`."""
    try:
        return f"{process.name()} (process {process.pid} of {process.username()})"
    except psutil.Error:
        return f"process {process.pid}"


def end(uids: Collection[int]) -> int:
    """End all processes with these uids; return the number of processes. Raises Problem.

    This function repeats the search, because a process may start another process before its own
    end.
    """
    ended = 0
    for _ in range(5):
        if not (found := processes_of(uids)):
            return ended
        ended += len(found)
        for process in found:
            _signal(process, psutil.Process.terminate)
        for process in psutil.wait_procs(found, timeout=PATIENCE)[1]:
            _signal(process, psutil.Process.kill)
        psutil.wait_procs(found, timeout=PATIENCE)
    names = ", ".join(map(describe, processes_of(uids)[:5]))
    raise Problem(f"these processes do not end: {names}", remedy="find out who starts them")


def _signal(process: psutil.Process, send: Callable[[psutil.Process], None]) -> None:
    """Send a signal to a process with the function `send`. If the process has already ended, do
    nothing."""
    with suppress(psutil.NoSuchProcess):
        send(process)
