"""Combine a participant's commit and a commit of the course's repository into one commit. For each
file, the combined commit contains either the participant's version or the repository's version. In
contrast, `git merge` would merge the two versions of a file line by line, and overwrite the
participant's file. This module never changes a file that the participant has changed. The combined
commit is created only in the git repository. git then writes only the files of the participant's
folder that differ from this commit. No file of the participant is lost, even if the job ends in the
middle of these steps."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

WHO = ("-c", "user.name=nbgitpuller", "-c", "user.email=nbgitpuller@nbgitpuller.link")
"""The author of the combined commits, as options of git. nbgitpuller uses the same author for its
own commits."""


def combined(repository: Path, mine: str, theirs: str) -> str:
    """Return a new commit with all files of the commit `theirs`. For files that the commit `mine`
    has changed or added since the common ancestor, the new commit contains the versions of `mine`.
    If `theirs` has renamed a file that `mine` has changed, the new commit contains the file under
    both names: the old name as in `mine`, and the new name as in `theirs`. Raises
    CalledProcessError if git fails.
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
    """Run git and return git's output. If `index` is given, git uses this index file. Raises
    CalledProcessError if git fails."""
    other = {} if index is None else {"GIT_INDEX_FILE": str(index)}
    argv, environment = ["git", *words], {**os.environ, **other}
    done = subprocess.run(
        argv, cwd=repository, check=True, capture_output=True, input=text, env=environment
    )
    return done.stdout
