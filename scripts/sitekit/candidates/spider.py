"""The module tree as Lmod's spider sees it: always read afresh, never from a cache."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from ..command import run
from ..errors import Problem
from ..site import Site

Chain = tuple[str, ...]


@dataclass(frozen=True)
class Module:
    """A module by its full name, from however many files (one per parent, in a hierarchy).

    `parents` are the chains that make it loadable, none if it always is; `bins` the folders that it puts on PATH.
    """

    full: str
    files: tuple[Path, ...]
    roots: tuple[Path, ...]
    parents: tuple[Chain, ...]
    bins: tuple[Path, ...]
    hidden: bool

    @property
    def name(self) -> str:
        return self.full.rpartition("/")[0] or self.full

    @property
    def version(self) -> str:
        return self.full.rpartition("/")[2] if "/" in self.full else ""


def read_tree(site: Site, user: str | None) -> list[Module]:
    """All modules below kernels.modulepath, by name and version. Raises Problem if Lmod or the tree is not there.

    Source of the format: Lmod's `spider -o spider-json`. Broken modulefiles are listed as well; only a load tells.
    """
    spider = site.kernels.lmod / "libexec" / "spider"
    if not spider.exists():
        raise Problem(
            f"Lmod is not at {site.kernels.lmod}",
            "site.yml: kernels.lmod",
            "install Lmod, or say where libexec/spider and libexec/lmod lie",
        )
    if missing := [path for path in site.kernels.modulepath if not path.is_dir()]:
        raise Problem(
            f"there is no folder {missing[0]}",
            "site.yml: kernels.modulepath",
            "give the folders that `module use` would take",
        )
    paths = ":".join(map(str, site.kernels.modulepath))
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "MODULEPATH": paths, "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    done = run([spider, "-o", "spider-json", paths], env=env, cwd=Path("/"), timeout=600, user=user)
    try:
        tree = json.loads(done.stdout or "{}")
    except ValueError:
        raise Problem(
            "Lmod's spider did not answer with JSON",
            str(spider),
            f"it said: {(done.stderr or done.stdout).strip()[:300]}",
        ) from None
    named: dict[str, list[tuple[str, dict]]] = {}
    for files in _values(tree):
        for file, entry in files.items():
            named.setdefault(entry["fullName"], []).append((file, entry))
    return sorted((_module(full, entries) for full, entries in named.items()), key=lambda module: natural(module.full))


def _values(tree: object) -> list[dict]:
    # Lua writes an empty table as a list.
    return list(tree.values()) if isinstance(tree, dict) else []


def _module(full: str, entries: list[tuple[str, dict]]) -> Module:
    chains = [[tuple(chain) for chain in entry.get("parentAA") or ()] for _, entry in entries]
    return Module(
        full=full,
        files=tuple(sorted(Path(file) for file, _ in entries)),
        roots=tuple(sorted({Path(entry.get("mpath") or Path(file).parent) for file, entry in entries})),
        parents=tuple(sorted({c for some in chains for c in some})) if all(chains) else (),
        bins=tuple(sorted({Path(folder) for _, entry in entries for folder in entry.get("pathA") or ()})),
        hidden=all(entry.get("hidden") for _, entry in entries),
    )


def natural(text: str) -> tuple:
    """A key that sorts 3.9 before 3.11."""
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", text) if part)
