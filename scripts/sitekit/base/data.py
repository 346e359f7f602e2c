"""Where the kit's own data lies: templates, units, logos. At the top level of a checkout, beside
the installed code."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = _PACKAGE.parents[1]
"""The top of the checkout; only meaningful where the kit is not installed as a package."""

OWN_KERNELS, OWN_PACKAGES = "config/kernels.yml", "config/environment.yml"
"""A site's own, which git ignores: in place of kernels/kernels.yml, and on top of environment.yml.
"""


def data(relative: str) -> Path:
    """Path of a data file or folder by its name in a checkout: `config/templates`. Raises
    FileNotFoundError."""
    for root in (_PACKAGE / "_data", CHECKOUT):
        if (root / relative).exists():
            return root / relative
    raise FileNotFoundError(f"{relative} is missing from this copy of sitekit")
