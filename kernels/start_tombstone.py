"""Start the tombstone (tombstone.py) in place of a kernel that cannot start.

`make kernels` puts a copy of this file beside the launcher (launch.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

HERE = os.path.dirname(os.path.realpath(__file__))


def start(
    connection_file: str, title: str, site: str, why: Any, environ: Mapping[str, str]
) -> None:
    """Replace this process by a kernel that answers every cell with the reason.

    A kernel that ended would be restarted. The tombstone keeps running. `why` is the launcher's
    error, with the reason and what the user can do.
    """
    people = f"the people who run {site}" if site else "the people who run this JupyterHub"
    advice = f"choose another kernel (Kernel > Change Kernel), and show this to {people}."
    lines = [
        f"The kernel '{title}' could not start.",
        "",
        why.what,
        *(f"    {line}" for line in why.detail.splitlines()[:40]),
        "",
        f"What to do: {why.remedy or advice}",
    ]
    text = "\n".join(lines)[:8000]
    sys.stderr.write(text + "\n")
    env = {**environ, "SITEKIT_KERNEL_FAULT": text.encode("utf-8", "replace").decode()}
    os.execve(  # noqa: S606
        sys.executable,
        [sys.executable, "-I", os.path.join(HERE, "tombstone.py"), "-f", connection_file],
        env,
    )
