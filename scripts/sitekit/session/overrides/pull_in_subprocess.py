"""Pull one repository with nbgitpuller's GitPuller.

pull_guard.py runs this program, with the settings as its argument. Because pull_in_subprocess.py is
a separate program, its settings for git (https only, no prompt in a terminal) apply only to this
program.
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
    """Pull a repository as nbgitpuller's GitPuller does, but never rename a file outside of the
    repository."""

    def find_upstream_changed(self, kind: str) -> list[str]:
        """Return the changed files of the upstream repository, except files whose path contains a
        link that leads out of the local repository.

        If the upstream repository has a new file, and an untracked local file has the same name,
        GitPuller renames the local file (pull.py, rename_local_untracked). If the folder of that
        local file is a link, the file can be outside of the repository.
        """
        return [name for name in super().find_upstream_changed(kind) if self._is_inside(name)]

    def _is_inside(self, name: str) -> bool:
        top = os.path.realpath(self.repo_dir)
        folder = os.path.realpath(os.path.join(top, os.path.dirname(name)))
        return os.path.commonpath([top, folder]) == top


def pull(settings: dict[str, Any], puller: type[Puller]) -> Iterator[str]:
    """Pull the repository with the class `puller`, and yield the lines of output."""
    depth = {"depth": settings["depth"]} if settings["depth"] is not None else {}
    yield from puller(
        settings["repo"],
        settings["folder"],
        branch=settings["branch"] or None,
        backup=settings["backup"],
        **depth,
    ).pull()


def run(puller: type[Puller]) -> None:
    """Pull the repository with the settings in this program's argument, and print git's output. If this fails, exit
    with git's error messages."""
    os.environ.update(ENVIRONMENT)
    logging.disable()  # do not show tracebacks to the user
    try:
        for line in pull(json.loads(sys.argv[1]), puller):
            print(line.rstrip("\n"), flush=True)
    except Exception as error:  # GitPuller raises plain Exceptions, with messages for users
        sys.exit("\n".join(reasons(error)))


def reasons(error: BaseException | None) -> Iterator[str]:
    """Yield the messages of an exception and of the exceptions that caused it. git's output comes
    first, and GitPuller's message follows."""
    if error is None:
        return
    yield from reasons(error.__context__)
    if isinstance(error, subprocess.CalledProcessError):
        yield f"{error.stderr or ''}git ended with code {error.returncode}"
    else:
        yield str(error)


if __name__ == "__main__":
    run(Puller)
