"""Pull one repository with nbgitpuller's GitPuller.

pull_guard.py runs this file as a separate process, with a JSON object as its argument. The
environment variables that limit git to https and suppress its prompts thus affect no other git.
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
    """Extend GitPuller so that it does not rename files outside of the repository."""

    def find_upstream_changed(self, kind: str) -> list[str]:
        """Return the changed files without those behind a link that leads out of the repository.

        GitPuller renames a local file if the same path is new upstream (pull.py,
        rename_local_untracked). If the directory of that file is a symbolic link, GitPuller would
        rename a file outside of the repository.
        """
        return [name for name in super().find_upstream_changed(kind) if self._is_inside(name)]

    def _is_inside(self, name: str) -> bool:
        top = os.path.realpath(self.repo_dir)
        folder = os.path.realpath(os.path.join(top, os.path.dirname(name)))
        return os.path.commonpath([top, folder]) == top


def pull(order: dict[str, Any]) -> Iterator[str]:
    """Clone or update the repository; yield the lines that git prints."""
    settings = {"depth": order["depth"]} if order["depth"] is not None else {}
    yield from Puller(
        order["repo"],
        order["folder"],
        branch=order["branch"] or None,
        backup=order["backup"],
        **settings,
    ).pull()


def main() -> None:
    """Pull the repository, print the output, and exit with the reason if it fails."""
    os.environ.update(ENVIRONMENT)
    logging.disable()  # GitPuller would log tracebacks
    try:
        for line in pull(json.loads(sys.argv[1])):
            print(line.rstrip("\n"), flush=True)
    except Exception as error:  # GitPuller raises Exception itself, with a readable message
        sys.exit("\n".join(reasons(error)))


def reasons(error: BaseException | None) -> Iterator[str]:
    """Yield the error message of git, then that of GitPuller."""
    if error is None:
        return
    yield from reasons(error.__context__)
    if isinstance(error, subprocess.CalledProcessError):
        yield f"{error.stderr or ''}git ended with code {error.returncode}"
    else:
        yield str(error)


if __name__ == "__main__":
    main()
