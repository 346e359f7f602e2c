"""Find out how busy the GPUs of this server's job are, with nvidia-smi."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

TIMEOUT = 5.0  # seconds
FIELDS = "utilization.gpu,memory.used,memory.total,name"
MIB = 1024**2


def gpus() -> list[dict[str, Any]]:
    """Return the use of each GPU of the job: `busy` in percent, `used` and `memory` in bytes.

    Slurm sets CUDA_VISIBLE_DEVICES for a job that has GPUs. If CUDA_VISIBLE_DEVICES is not set, the
    function does not run nvidia-smi, which could show GPUs of other jobs on the node.
    """
    own = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    program = shutil.which("nvidia-smi")
    if not own or program is None:
        return []
    argv = [program, f"--id={own}", f"--query-gpu={FIELDS}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return read(done.stdout) if done.returncode == 0 else []


def read(printed: str) -> list[dict[str, Any]]:
    """Return the use of each GPU that nvidia-smi's output lists. Lines of another form are
    ignored."""
    found = []
    for line in printed.splitlines():
        words = [word.strip() for word in line.split(",", 3)]
        if len(words) == 4 and all(word.isdigit() for word in words[1:3]):
            # nvidia-smi prints `[N/A]` if the job has only a part of a GPU
            busy = int(words[0]) if words[0].isdigit() else None
            used, memory = int(words[1]) * MIB, int(words[2]) * MIB
            found.append({"busy": busy, "used": used, "memory": memory, "name": words[3]})
    return found
