"""Find the kit's own data: templates, units, logos.

They are at the top level of a checkout, or beside the installed code.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = _PACKAGE.parents[1]
"""The top of the checkout. It has a meaning only if the kit is not installed as a package."""

OWN_KERNELS, OWN_PACKAGES = "config/kernels.yml", "config/environment.yml"
"""A site's own files, which git ignores. The first replaces kernels/kernels.yml; the second adds to
environment.yml."""


def data(relative: str) -> Path:
    """Return the path of a data file or folder, such as `config/templates`.

    Raises FileNotFoundError.
    """
    for root in (_PACKAGE / "_data", CHECKOUT):
        if (root / relative).exists():
            return root / relative
    raise FileNotFoundError(f"{relative} is missing from this copy of sitekit")
