"""List the files that the program kernels/launch.py needs in its own folder."""

from __future__ import annotations

BESIDE = (
    "by_socket.py",
    "clean_environment.py",
    "command_line.py",
    "lmod_output.py",
    "start_tombstone.py",
    "tombstone.py",
)
"""The files of the top-level folder `kernels` that are copied into each generation, into the folder
of the launch program."""
