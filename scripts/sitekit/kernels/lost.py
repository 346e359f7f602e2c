"""Keep published kernels that fail now, hidden or flagged as `make kernels_check` does.

Without this file, such a kernel would disappear without a message, because a broken module is often
not a candidate any more.
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
    """Return the reason, by id, for each kernel whose modulefile exists but is not listed by Lmod.

    Lmod then cannot read the folder of the modulefile, or a parent module in a hierarchy. Only
    kernels that kernels.yml does not name are returned. A kernel that the rules now exclude is not
    returned.
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
    """Return whether the file exists and its path ends with the module's full name."""
    return file.endswith((f"/{full}", f"/{full}.lua")) and Path(file).is_file()


def keep_out_of_sight(
    site: Site, old: Path, new: Path, lost: Iterable[Kernel]
) -> dict[str, Kernel]:
    """Copy lost kernels from the generation `old`, and hide or flag them.

    kernels.check.on_failure in site.yml decides between hiding and flagging. Returns the copied
    kernels by id, with an empty key. Because of the empty key, the next `make kernels` tests these
    kernels again.
    """
    kept = [kernel for kernel in lost if generation.holds(old, kernel)]
    generation.carry_over(old, new, kept)
    for kernel in kept:
        generation.show(new, kernel, site.kernels.check.on_failure)
    return {kernel.id: replace(kernel, key="") for kernel in kept}
