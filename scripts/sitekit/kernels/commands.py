"""Run `make kernels`, `make kernels_diff`, `make kernels_check` and `make kernels_import`."""

from __future__ import annotations

import sys
from pathlib import Path

from ..base.data import CHECKOUT, OWN_KERNELS, data
from ..base.errors import BadInput
from ..site import Site
from .discovery.import_makefile import imported
from .owner import another_owner, run_as
from .pipeline import make_kernels
from .recheck import check_kernels, publish_new


def kernels(site: Site, *words: str) -> int:
    """Make kernels from the site's modules, start each one as a test, and publish those that work.

    Returns 1 if a kernel failed that kernels.yml names without a wildcard, or that is published now.
    """
    _no_words(words)
    if owner := another_owner(site):
        return run_as(owner, site, "kernels")
    return make_kernels(site, _rules())


def kernels_diff(site: Site, *words: str) -> int:
    """Show what `make kernels` would add, change and remove, and what fails. Publish nothing."""
    _no_words(words)
    if owner := another_owner(site):
        return run_as(owner, site, "kernels_diff")
    return make_kernels(site, _rules(), switch=False)


def kernels_check(site: Site, *words: str) -> int:
    """Start every published kernel again, on the host that kernels.check in site.yml names.

    Returns 1 if a kernel failed.
    """
    _no_words(words)
    if owner := another_owner(site):
        return run_as(owner, site, "kernels_check")
    first = publish_new(site) if site.kernels.check.publish_new else 0
    return max(first, check_kernels(site))


def kernels_import(site: Site, *words: str) -> int:
    """Print a kernels.yml that is equal to envkernel's command lines in a Makefile.

    Raises BadInput if no Makefile is given or the file cannot be read.
    """
    if len(words) != 1:
        raise BadInput(
            "which Makefile is not said", remedy="make kernels_import MAKEFILE=path/to/Makefile"
        )
    sys.stdout.write(imported(site, Path(words[0])))
    return 0


def _rules() -> Path:
    """Return the path of config/kernels.yml, or of kernels/kernels.yml if the site has none."""
    own = CHECKOUT / OWN_KERNELS
    return own if own.exists() else data("kernels/kernels.yml")


def _no_words(words: tuple[str, ...]) -> None:
    """Raise BadInput if the command line has an argument."""
    if words:
        raise BadInput(
            f"nothing is known about '{words[0]}' here",
            remedy="name the modules in config/kernels.yml instead",
        )
