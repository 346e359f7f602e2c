"""Make kernels and terminals end before the server when the job's memory is used up.

Linux selects the process to kill by oom_score_adj: see proc(5). Child processes inherit this value,
so even a small process of a process pool is killed before the server. Without the server the user
would have neither kernels nor an error message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FIRST = 500
"""This value adds half of the job's memory to the size of a process when Linux compares processes.
The server's value is 0, as Slurm starts it."""


def first_to_end(argv: Sequence[str]) -> list[str]:
    """Return a command line that runs `argv` with a higher oom_score_adj.

    /bin/sh sets the value and then executes the program in the same process.
    """
    return [
        "/bin/sh",
        "-c",
        f'echo {FIRST} 2>/dev/null >/proc/self/oom_score_adj; exec "$@"',
        "sh",
        *argv,
    ]


def end_kernels_first() -> None:
    """Start every kernel of this server with a higher oom_score_adj.

    Linux then ends a kernel before the server, whichever kernel spec it comes from.
    """
    from jupyter_client.provisioning import LocalProvisioner

    launch = LocalProvisioner.launch_kernel

    async def launch_kernel(provisioner: LocalProvisioner, cmd: list[str], **settings: Any) -> Any:
        return await launch(provisioner, first_to_end(cmd), **settings)

    LocalProvisioner.launch_kernel = launch_kernel
