"""Combine a participant's commit and a course's into one commit, file by file.

git would merge the two versions of a file line by line, and write the result over the participant's
file. Here such a file is never written: the commit is made without the participant's folder, and
git then changes only the files in which the commit differs. A start that is ended at any moment
leaves the participant's files as they were.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

WHO = ("-c", "user.name=nbgitpuller", "-c", "user.email=nbgitpuller@nbgitpuller.link")
"""The author of nbgitpuller's own commits, too."""


def combined(repository: Path, mine: str, theirs: str) -> str:
    """Return a commit with the files of `theirs`, and in place of them the files that `mine` has
    changed or added since both were the same.

    A file that `theirs` has renamed is there twice if `mine` has changed it: under its old name as
    in `mine`, and under its new name. Raises CalledProcessError.
    """
    base = _git(repository, "merge-base", mine, theirs).decode().strip()
    difference = ("diff", "--name-only", "--no-renames", "--diff-filter=AMT", "-z", base, mine)
    changed = set(_git(repository, *difference).split(b"\0"))
    files = _git(repository, "ls-tree", "-r", "-z", "--full-tree", mine).split(b"\0")
    own = [file for file in files if file and file.split(b"\t", 1)[1] in changed]
    if not own:
        return theirs
    with tempfile.TemporaryDirectory(prefix="sitekit-index-") as folder:
        index = Path(folder, "index")
        _git(repository, "read-tree", theirs, index=index)
        text = b"".join(file + b"\0" for file in own)
        _git(repository, "update-index", "-z", "--replace", "--index-info", index=index, text=text)
        tree = _git(repository, "write-tree", index=index).decode().strip()
    words = (*WHO, "commit-tree", "-p", mine, "-p", theirs, "-m", "Take in the course's changes")
    return _git(repository, *words, tree).decode().strip()


def _git(
    repository: Path, *words: str, index: Path | None = None, text: bytes | None = None
) -> bytes:
    """Run git, perhaps with another index than the repository's, and return its output."""
    other = {} if index is None else {"GIT_INDEX_FILE": str(index)}
    argv, environment = ["git", *words], {**os.environ, **other}
    done = subprocess.run(
        argv, cwd=repository, check=True, capture_output=True, input=text, env=environment
    )
    return done.stdout
