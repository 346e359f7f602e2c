"""Run Lmod's spider, the program that lists all modules, over the module path.

If the spider fails, sitekit searches by bisection for the folders of the module path that cause the
failure. After the search, the spider reads all other folders.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import Problem
from ...base.run_program import Argv, CommandFailed, run

Tree = dict[str, dict[str, dict[str, Any]]]
"""Maps a module's name without version to its modulefiles, and each modulefile to the data that
Lmod's spider prints about this modulefile."""
# time limits in seconds, for the whole module path and for a part; 5,000 modules need one second
WHOLE, PART = 300, 30
MOST_BROKEN = 10
"""If Lmod cannot read more entries of the module path than this number, sitekit assumes that Lmod
itself is broken."""


@dataclass(frozen=True)
class Broken:
    """Describe an entry of the module path, such as /shared/modules, that the spider cannot read.

    `reason` is the spider's error.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Spider:
    """Run Lmod's `spider` as `user`, with the `variables` that the site's Lmod needs."""

    program: Path
    modulepath: Sequence[Path]
    variables: Mapping[str, str]
    user: str | None

    def read(self) -> tuple[Tree, list[Broken]]:
        """Return the module tree, and the entries of the module path that the spider cannot
        read."""
        try:
            return self._run(self.modulepath, WHOLE), []
        except Problem as failure:
            entries = [path for folder in self.modulepath for path in sorted(folder.glob("[!.]*"))]
            if not entries:
                raise
            tree, broken = self._by_halves(entries)
            if not tree or len(broken) > MOST_BROKEN:
                raise failure from None
            return tree, broken

    def _by_halves(self, entries: list[Path]) -> tuple[Tree, list[Broken]]:
        """Find the broken entries of the module path by bisection, and read all other entries."""
        tree: Tree = {}
        broken: list[Broken] = []
        waiting = [entries]
        while waiting and len(broken) <= MOST_BROKEN:
            some = waiting.pop()
            try:
                for name, files in self._some(some).items():
                    tree.setdefault(name, {}).update(files)
            except Problem as failure:
                half = len(some) // 2
                if half:
                    waiting += [some[half:], some[:half]]
                else:
                    broken.append(Broken(some[0], str(failure)))
        return tree, broken

    def _some(self, entries: list[Path]) -> Tree:
        """Run the spider on some entries of the module path, and return the modules in these
        entries. The spider gets temporary folders with links to the entries."""
        with tempfile.TemporaryDirectory(prefix="sitekit-spider-") as top:
            os.chmod(top, 0o755)  # noqa: S103
            folders: dict[Path, Path] = {}
            for entry in entries:
                folder = folders.setdefault(entry.parent, Path(top, str(len(folders))))
                folder.mkdir(exist_ok=True)
                (folder / entry.name).symlink_to(entry)
            seen = json.dumps(self._run(list(folders.values()), PART))
            for real, folder in folders.items():
                seen = seen.replace(json.dumps(f"{folder}/")[1:-1], json.dumps(f"{real}/")[1:-1])
                seen = seen.replace(json.dumps(str(folder)), json.dumps(str(real)))
            return json.loads(seen)

    def _run(self, folders: Sequence[Path], seconds: float) -> Tree:
        """Run Lmod's spider over these folders of modulefiles. Raises Problem if the spider
        fails."""
        paths = ":".join(map(str, folders))
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/nonexistent",
            "LANG": "C.UTF-8",
            **self.variables,
        }
        words: Argv = [self.program, "-o", "spider-json", paths]
        done = run(
            words, env={**env, "MODULEPATH": paths}, cwd=Path("/"), timeout=seconds, user=self.user
        )
        return tree_of(done.stdout, words)


def tree_of(output: str, words: Argv) -> Tree:
    """Return the module tree in the spider's output. Modulefiles can print text before the tree.
    This text is ignored.

    The output has the format of Lmod's `spider -o spider-json`. The tree also contains broken
    modulefiles, because a broken modulefile fails only when it is loaded. Raises CommandFailed if
    the output contains no tree.
    """
    decoder = json.JSONDecoder(strict=False)  # Lmod writes control characters without escapes
    for begin in re.finditer(r"[{\[]", output):
        try:
            tree, end = decoder.raw_decode(output, begin.start())
        except ValueError:
            continue
        if not re.compile(r"\s*\Z").match(output, end):
            continue
        if isinstance(tree, dict):
            return {name: found for name, files in tree.items() if (found := _entries(files))}
        if tree == []:  # Lua writes an empty table as a list
            return {}
    raise CommandFailed(words, "did not answer with JSON", output)


def _entries(files: Any) -> dict[str, dict[str, Any]]:
    """Return only those entries of the spider's output that have the expected form."""
    named = files.items() if isinstance(files, dict) else ()
    return {
        file: entry
        for file, entry in named
        if isinstance(entry, dict) and isinstance(entry.get("fullName"), str)
    }
