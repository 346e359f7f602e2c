"""Every file below a folder, opened as an ordinary account, which may change none."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROGRAM = Path(__file__).parent / "programs" / "walk.py"


def walked(folder: Path, user: str, *but: Path) -> int:
    """How many files `user` can read below `folder`, but what is named in `but`; fails at the first
    that is not so."""
    # By its text: the account may not be allowed to read the checkout.
    argv = ["/usr/bin/python3", "-I", "-c", PROGRAM.read_text(), folder, *but]
    bare = {"user": user, "group": "nogroup", "extra_groups": [], "env": {}, "cwd": "/"}
    done = subprocess.run(argv, **bare, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
