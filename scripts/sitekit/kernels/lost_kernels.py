"""Kernels that were offered and fail now: told, and hidden or flagged like those of `make
kernels_check`.

Without a word they would vanish from people's notebooks: a module that breaks often is no candidate
any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..site import Site
from .discovery.module_tree import Module
from .discovery.rules import Rules
from .generations import generation
from .generations.kernel import Kernel


def unlisted(
    site: Site, rules: Rules, tree: Iterable[Module], offered: Iterable[Kernel]
) -> dict[str, str]:
    """Of the kernels that were found those whose modulefile is there while Lmod does not list it:
    why, by id.

    It cannot read the file's folder, or what leads there in a hierarchy. What the site no longer
    asks for is no loss.
    """
    listed = {module.full for module in tree}
    path = ":".join(map(str, site.kernels.modulepath))
    lost = {}
    for kernel in offered:
        if not kernel.found or kernel.launch["modulepath"] != path:
            continue
        full = kernel.launch["modules"][-1]
        if (
            full in listed
            or kernel.language not in rules.discover.languages
            or rules.discover.excludes(full)
        ):
            continue
        if file := next((file for file in kernel.watch if _is_of(file, full)), None):
            lost[kernel.id] = f"Lmod does not list {full} any more, although {file} is there"
    return lost


def _is_of(file: str, full: str) -> bool:
    return file.endswith((f"/{full}", f"/{full}.lua")) and Path(file).is_file()


def keep_out_of_sight(
    site: Site, old: Path, new: Path, lost: Iterable[Kernel]
) -> dict[str, Kernel]:
    """Carry them over from the generation `old`, shown as kernels.check.on_failure says. Returns
    them, by id, without a key: whatever `make kernels` finds in their places the next time, it
    starts."""
    there = [kernel for kernel in lost if generation.holds(old, kernel)]
    generation.carry_over(old, new, there)
    for kernel in there:
        generation.show(new, kernel, site.kernels.check.on_failure)
    return {kernel.id: replace(kernel, key="") for kernel in there}
