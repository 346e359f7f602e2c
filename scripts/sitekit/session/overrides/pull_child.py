"""Pull one repository with nbgitpuller's GitPuller; run by pull_guard.py, with its order as its
argument.

A program of its own, so that what holds for this git (https alone, no question on a terminal) holds
for no other.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from nbgitpuller.pull import GitPuller

ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "https",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/true",
}


class Puller(GitPuller):
    """GitPuller, which renames no file outside of the repository."""

    def find_upstream_changed(self, kind: str) -> list[str]:
        """Without files behind a link of the repository's that leads out of it.

        GitPuller renames what is new upstream and there already (pull.py, rename_local_untracked):
        where the new file's folder was a link before, that is a file outside.
        """
        return [name for name in super().find_upstream_changed(kind) if self._is_inside(name)]

    def _is_inside(self, name: str) -> bool:
        top = os.path.realpath(self.repo_dir)
        folder = os.path.realpath(os.path.join(top, os.path.dirname(name)))
        return os.path.commonpath([top, folder]) == top


def pull(order: dict[str, Any]) -> Iterator[str]:
    settings = {"depth": order["depth"]} if order["depth"] is not None else {}
    yield from Puller(
        order["repo"],
        order["folder"],
        branch=order["branch"] or None,
        backup=order["backup"],
        **settings,
    ).pull()


def main() -> None:
    os.environ.update(ENVIRONMENT)
    logging.disable()  # it would show tracebacks
    try:
        for line in pull(json.loads(sys.argv[1])):
            print(line.rstrip("\n"), flush=True)
    except Exception as error:  # GitPuller raises plain ones, for people to read
        sys.exit("\n".join(reasons(error)))


def reasons(error: BaseException | None) -> Iterator[str]:
    """What git said, then what GitPuller made of it."""
    if error is None:
        return
    yield from reasons(error.__context__)
    if isinstance(error, subprocess.CalledProcessError):
        yield f"{error.stderr or ''}git ended with code {error.returncode}"
    else:
        yield str(error)


if __name__ == "__main__":
    main()
