"""Who ends when the memory of the job is used up: kernels and terminals, with all that they start,
before the server.

Linux goes by oom_score_adj: proc(5). It is inherited, so that each process of a pool, however
small, goes before the server, without which the user would have neither kernels nor an explanation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FIRST = 500
"""Half of the job's memory is added to what the process uses. The server has 0, as Slurm starts it.
"""


def first_to_end(argv: Sequence[str]) -> list[str]:
    """The same program, ended before the server. /bin/sh becomes it: the process stays the same."""
    return [
        "/bin/sh",
        "-c",
        f'echo {FIRST} 2>/dev/null >/proc/self/oom_score_adj; exec "$@"',
        "sh",
        *argv,
    ]


def end_kernels_first() -> None:
    """From now on each kernel of this server starts so, whichever spec it comes from."""
    from jupyter_client.provisioning import LocalProvisioner

    launch = LocalProvisioner.launch_kernel

    async def launch_kernel(provisioner: LocalProvisioner, cmd: list[str], **settings: Any) -> Any:
        return await launch(provisioner, first_to_end(cmd), **settings)

    LocalProvisioner.launch_kernel = launch_kernel
