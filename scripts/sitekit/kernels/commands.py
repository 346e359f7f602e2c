"""`make kernels`, `make kernels_diff` and `make kernels_check`."""

from __future__ import annotations

from ..data import data
from ..errors import BadInput
from ..site import Site
from .check import check_kernels
from .pipeline import make_kernels


def kernels(site: Site, *words: str) -> int:
    """Turn the site's modules into proven kernels and publish them. Returns 1 if one that kernels.yml names failed."""
    _no_words(words)
    return make_kernels(site, data("kernels/kernels.yml"))


def kernels_diff(site: Site, *words: str) -> int:
    """The same up to the table: what would be added, changed and removed, and what fails. Nothing is published."""
    _no_words(words)
    return make_kernels(site, data("kernels/kernels.yml"), switch=False)


def kernels_check(site: Site, *words: str) -> int:
    """Start every published kernel again, where the site says. Returns 1 if one failed."""
    _no_words(words)
    return check_kernels(site)


def _no_words(words: tuple[str, ...]) -> None:
    if words:
        raise BadInput(
            f"nothing is known about '{words[0]}' here", remedy="name the modules in kernels/kernels.yml instead"
        )
