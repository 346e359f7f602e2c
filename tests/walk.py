"""Every file below a folder, opened as an ordinary account, which may change none."""

from __future__ import annotations

import subprocess
from pathlib import Path

WALK = """
import os, sys

def refused(error):
    sys.exit(f"cannot enter {error.filename}")

count = 0
for folder, folders, files in os.walk(sys.argv[1], onerror=refused):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in sys.argv[2:]]
    if os.access(folder, os.W_OK):
        sys.exit(f"can write to {folder}")
    for path in {os.path.join(folder, name) for name in files}.difference(sys.argv[2:]):
        if os.path.exists(path):
            open(path, "rb").read(1)
            count += 1
        if os.access(path, os.W_OK) and not os.path.islink(path):
            sys.exit(f"can write to {path}")
print(count)
"""


def walked(folder: Path, user: str, *but: Path) -> int:
    """How many files `user` can read below `folder`, but what is named in `but`; fails at the first that is not so."""
    argv = ["/usr/bin/python3", "-I", "-c", WALK, folder, *but]
    bare = {"user": user, "group": "nogroup", "extra_groups": [], "env": {}, "cwd": "/"}
    done = subprocess.run(argv, **bare, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
