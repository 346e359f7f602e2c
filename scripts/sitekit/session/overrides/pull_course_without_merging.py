"""Pull a course's repository, and keep each file that both the participant and the repository have
changed. nbgitpuller would merge the two versions of such a file line by line, which can break a
notebook. With this file, the participant's file stays unchanged. The repository's version is
written to the same folder under another name.

session/courses/copy_repository.py runs this program for prepare_course.py. In the same way,
pull_guard.py runs pull_in_subprocess.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgitpuller.pull import execute_cmd

# Import this sitekit, because a container image does not contain the package sitekit.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from sitekit.session.overrides.combine_commits_by_whole_files import combined
from sitekit.session.overrides.pull_in_subprocess import Puller, run

KEPT = "sitekit-kept "
"""The beginning of a line of output. The rest of the line is a JSON list: the name of the file, and
the name of the repository's version beside the file."""


class KeepingPuller(Puller):
    """Update a participant's copy of the course's repository. Keep both versions of a file that
    both the participant and the repository have changed."""

    def update_remotes(self) -> Iterator[str]:
        """Fetch the branch or the tag from the course's repository. An earlier start may have used
        another branch or tag."""
        there = self._git("ls-remote", "--heads", "origin", f"refs/heads/{self.branch_name}")
        kind = "heads" if there else "tags"
        source = f"+refs/{kind}/{self.branch_name}:refs/remotes/origin/{self.branch_name}"
        yield from execute_cmd(["git", "fetch", "origin", source], cwd=self.repo_dir)

    def merge(self) -> Iterator[str]:
        """Update the participant's copy to the fetched commit. First, for each file that
        participant and repository have both changed, the repository's version is written beside the
        participant's file. Then all other files of the copy are updated. No step writes to a file
        that the participant has changed.
        """
        mine, theirs = self._git("rev-parse", "HEAD").strip(), f"origin/{self.branch_name}"
        for name in self._changed_by_both(mine, theirs):
            yield KEPT + json.dumps([name, self._put_beside(name, theirs)])
        commit = combined(Path(self.repo_dir), mine, theirs)
        if self._git("merge-base", mine, theirs).strip() != self._git("rev-parse", theirs).strip():
            yield from execute_cmd(["git", "merge", "--ff-only", commit], cwd=self.repo_dir)

    def _changed_by_both(self, mine: str, theirs: str) -> list[str]:
        """Return the names of the files that exist in both commits with different contents, and
        that both sides have changed since the common ancestor of the commits."""
        base = self._git("merge-base", mine, theirs).strip()
        changed = [self._names("--diff-filter=AM", base, side) for side in (mine, theirs)]
        differ = self._names("--diff-filter=M", mine, theirs)
        return sorted(name for name in changed[0] & changed[1] & differ if self._is_inside(name))

    def _names(self, which: str, before: str, after: str) -> set[str]:
        """Return the names of files that differ between two commits."""
        words = ["diff", "--name-only", "--no-renames", which, "-z", before, after]
        return set(filter(None, self._git(*words).split("\0")))

    def _put_beside(self, name: str, commit: str) -> str:
        """Write the commit's version of a file beside the participant's file. Return the name of
        the new file. Raises OSError if the file cannot be written."""
        content = self._run("cat-file", "blob", f"{commit}:{name}")
        date = self._git("log", "-1", "--format=%cd", "--date=format:%Y-%m-%d", commit).strip()
        stem, ending = os.path.splitext(name)
        for number in range(1, 1000):
            beside = f"{stem}.upstream-{date}{'' if number == 1 else f'-{number}'}{ending}"
            path = os.path.join(self.repo_dir, beside)
            if not os.path.lexists(path):
                with open(path, "xb") as file:
                    file.write(content)
                return beside
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    if file.read() == content:
                        return beside
        raise OSError(f"there are too many versions beside {name}")

    def _git(self, *words: str) -> str:
        return self._run(*words).decode("utf-8", "surrogateescape")

    def _run(self, *words: str) -> bytes:
        argv: list[Any] = ["git", *words]
        done = subprocess.run(argv, cwd=self.repo_dir, check=True, capture_output=True)
        return done.stdout


if __name__ == "__main__":
    run(KeepingPuller)
