"""List the files beside the launcher (kernels/launch.py), which it needs."""

from __future__ import annotations

BESIDE = (
    "by_socket.py",
    "clean_environment.py",
    "command_line.py",
    "lmod_output.py",
    "start_tombstone.py",
    "tombstone.py",
)
"""The files of the folder `kernels` of which each generation has a copy beside its launcher."""
