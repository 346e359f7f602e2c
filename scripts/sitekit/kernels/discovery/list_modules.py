"""List all modules of the cluster with Lmod's spider. The spider reads the modulefiles themselves,
and not its cache."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import Problem
from ...site import Site
from .run_spider import Broken, Spider

Chain = tuple[str, ...]


@dataclass(frozen=True)
class Module:
    """Describe a module. In a module hierarchy, the module can have several modulefiles, one for
    each parent module.

    `parents` has lists of modules. The modules of one of these lists must be loaded before this
    module. The list is empty if the module can always be loaded. `bins` are the folders that the
    module adds to PATH. `short` is the name without a version. If a user loads `short`, Lmod
    chooses the version with the highest `weight`.
    """

    full: str
    files: tuple[Path, ...]
    roots: tuple[Path, ...]
    parents: tuple[Chain, ...]
    bins: tuple[Path, ...]
    hidden: bool
    short: str = ""
    weight: str = ""

    @property
    def name(self) -> str:
        return self.full.rpartition("/")[0] or self.full

    @property
    def version(self) -> str:
        return self.full.rpartition("/")[2] if "/" in self.full else ""


def read_tree(
    site: Site, user: str | None, variables: Mapping[str, str]
) -> tuple[list[Module], list[Broken]]:
    """Return all modules below the folders kernels.modulepath of site.yml, and the folders that
    Lmod cannot read.

    `variables` are the environment variables that the site's Lmod needs. Raises Problem if Lmod or
    a folder of the module path does not exist.
    """
    program = site.kernels.lmod / "libexec" / "spider"
    if not program.exists():
        raise Problem(
            f"Lmod is not at {site.kernels.lmod}",
            "site.yml: kernels.lmod",
            "install Lmod, or set the folder that has libexec/spider and libexec/lmod",
        )
    if missing := [path for path in site.kernels.modulepath if not path.is_dir()]:
        raise Problem(
            f"there is no folder {missing[0]}",
            "site.yml: kernels.modulepath",
            "name the folders that you would give to `module use`",
        )
    tree, broken = Spider(program, site.kernels.modulepath, variables, user).read()
    named: dict[str, list[Entry]] = {}
    for short, files in tree.items():
        for file, entry in files.items():
            named.setdefault(entry["fullName"], []).append((short, file, entry))
    modules = (_module(full, entries) for full, entries in named.items())
    return sorted(modules, key=lambda module: natural(module.full)), broken


Entry = tuple[str, str, dict[str, Any]]


def _module(full: str, entries: list[Entry]) -> Module:
    """Convert the output of Lmod's spider about one module to a Module."""
    chains = [[tuple(chain) for chain in entry.get("parentAA") or ()] for _, _, entry in entries]
    return Module(
        full=full,
        files=tuple(sorted(Path(file) for _, file, _ in entries)),
        roots=tuple(
            sorted({Path(entry.get("mpath") or Path(file).parent) for _, file, entry in entries})
        ),
        parents=tuple(sorted({c for some in chains for c in some})) if all(chains) else (),
        bins=tuple(
            sorted({Path(folder) for *_, entry in entries for folder in entry.get("pathA") or ()})
        ),
        hidden=all(entry.get("hidden") for *_, entry in entries),
        short=entries[0][0],
        weight=max(str(entry.get("wV", "")) for *_, entry in entries),
    )


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that compares numbers by value: 3.9 comes before 3.11."""
    parts = (part for part in re.split(r"([0-9]+)", text) if part)
    return tuple((1, int(part), "") if part[0] in "0123456789" else (0, 0, part) for part in parts)
