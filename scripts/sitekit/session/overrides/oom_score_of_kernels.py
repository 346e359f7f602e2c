"""Make Linux kill kernels and terminals before the server when the job's memory is exhausted.

Linux selects the process to kill by oom_score_adj (proc(5)), which child processes inherit.
Therefore Linux kills every process of a kernel, even a small process, before the server. If Linux
killed the server, the user would lose all kernels, and would see no explanation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FIRST = 500
"""The value of oom_score_adj for kernels. When Linux selects the process to kill, Linux adds half
of the job's memory limit to the memory of each such process.

The server's own value is 0, which Slurm has set.
"""


def first_to_end(argv: Sequence[str]) -> list[str]:
    """Return a command line that runs the same program with oom_score_adj 500. Therefore Linux
    kills this program before the server.

    Because /bin/sh replaces itself with the program, the process id stays the same.
    """
    return [
        "/bin/sh",
        "-c",
        f'echo {FIRST} 2>/dev/null >/proc/self/oom_score_adj; exec "$@"',
        "sh",
        *argv,
    ]


def end_kernels_first() -> None:
    """Make the server start each kernel with a command line that lets Linux kill the kernel before
    the server."""
    from jupyter_client.provisioning import LocalProvisioner

    launch = LocalProvisioner.launch_kernel

    async def launch_kernel(provisioner: LocalProvisioner, cmd: list[str], **settings: Any) -> Any:
        return await launch(provisioner, first_to_end(cmd), **settings)

    LocalProvisioner.launch_kernel = launch_kernel
