"""Read every file below a folder as an ordinary account, and check that it can change none."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROGRAM = Path(__file__).parent / "programs" / "walk.py"


def walked(folder: Path, user: str, *but: Path) -> int:
    """Return the number of files below `folder`, without the paths in `but`.

    Fails if `user` cannot read one of the files, or can write one of the files or folders.
    """
    # The program is passed as text, because the account may not be able to read the checkout.
    argv = ["/usr/bin/python3", "-I", "-c", PROGRAM.read_text(), folder, *but]
    bare = {"user": user, "group": "nogroup", "extra_groups": [], "env": {}, "cwd": "/"}
    done = subprocess.run(argv, **bare, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
