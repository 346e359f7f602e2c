"""Before the demo installs a package or makes an account or a directory on this machine, record its
name.

With this record, `make demo_reset` can undo the changes of the demo, also after an interrupted run.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

from ...base.errors import Problem
from ...base.files import write_atomic
from .paths_and_ports import MADE

KINDS = ("packages", "users", "groups", "directories")
_lock = threading.Lock()


class Made:
    """Hold the names of the packages, users, groups and directories that the demo has made.

    A package, user, group or directory that existed before the demo is never recorded.
    """

    def __init__(self, path: Path = MADE) -> None:
        self.path = path
        try:
            self._things: dict[str, list[str]] = json.loads(path.read_text())
        except FileNotFoundError:
            self._things = {}
        except ValueError as error:
            raise Problem(
                f"is not a valid record of the demo: {error}",
                str(path),
                "correct it, or undo by hand what it lists",
            ) from None

    def __contains__(self, thing: tuple[str, object]) -> bool:
        kind, name = thing
        return str(name) in self._things.get(kind, [])

    def names(self, kind: str) -> list[str]:
        """Return the recorded names of one kind (such as "users"), in the order in which they were
        recorded."""
        return list(self._things.get(kind, []))

    def claim(self, kind: str, *names: object) -> None:
        """Record that the demo will now make the users, groups, packages or directories `names`.
        `kind` is one of these four words.

        Several threads can call this method at the same time.
        """
        if kind not in KINDS:
            raise ValueError(f"nothing of the kind '{kind}' is recorded")
        with _lock:
            known = self._things.setdefault(kind, [])
            known.extend(str(name) for name in names if str(name) not in known)
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_atomic(self.path, json.dumps(self._things, indent=2) + "\n", mode=0o600)
