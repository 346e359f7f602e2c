"""Find lost kernels: published kernels whose module can no longer be loaded. `make kernels` reports
a lost kernel. The key `kernels.check.on_failure` decides whether the kernel is hidden or flagged in
the launcher.

Without this check, lost kernels would disappear from the launcher, and no message would tell the
administrator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..site import Site
from .discovery.list_modules import Module
from .discovery.rules import Rules
from .generations import generation
from .generations.kernel_record import Kernel


def unlisted(
    site: Site, rules: Rules, tree: Iterable[Module], offered: Iterable[Kernel]
) -> dict[str, str]:
    """Return the published kernels whose modulefile exists, but is not listed by Lmod. The result
    maps kernel ids to reasons.

    Lmod does not list a modulefile if Lmod cannot read the modulefile's folder, or the parent
    module in a hierarchy. Only kernels from discovered modules are checked. Modules that
    kernels.yml now excludes are not reported.
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
    """Copy the kernels in `lost` from the generation `old` to the generation `new`, and hide or
    flag them in the launcher.

    The key kernels.check.on_failure in site.yml sets whether kernels are hidden or flagged. Returns
    the copied kernels, by id. Because the field `key` of the hidden or flagged kernels is empty,
    the next `make kernels` tests these kernels again.
    """
    present = [kernel for kernel in lost if generation.has_kernel_files(old, kernel)]
    generation.carry_over(old, new, present)
    for kernel in present:
        generation.show(new, kernel, site.kernels.check.on_failure)
    return {kernel.id: replace(kernel, key="") for kernel in present}
