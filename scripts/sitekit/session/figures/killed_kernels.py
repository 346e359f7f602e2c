"""Find the notebooks whose kernels were killed, for the message about used-up memory."""

from __future__ import annotations

import inspect
import signal
from typing import Any

KEPT = 20
_killed: list[str] = []
"""The ids of the kernels that SIGKILL has ended. Kernels that the server itself has ended are not
included."""


def note_restart(kernel: Any) -> None:
    """Record that a kernel was killed, if SIGKILL has ended the kernel's process. Call this
    function before the kernel is restarted."""
    process = getattr(kernel.provisioner, "process", None)
    if process is not None and process.poll() == -signal.SIGKILL:
        _killed.append(kernel.kernel_id)
        del _killed[:-KEPT]


async def notebooks(settings: dict[str, Any]) -> list[str]:
    """Return the paths of open notebooks whose kernels were killed."""
    if not _killed:
        return []
    sessions = settings["session_manager"].list_sessions()
    if inspect.isawaitable(sessions):
        sessions = await sessions
    killed = set(_killed)
    return [str(one["path"])[-80:] for one in sessions if one["kernel"]["id"] in killed]
