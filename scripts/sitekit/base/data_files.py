"""Find sitekit's own data files: templates, systemd units and logos.

In a checkout the data files are at the top level. An installed sitekit has its data files in the
directory `_data`.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = _PACKAGE.parents[1]
"""The top directory of the checkout. If sitekit is installed as a package, this path is not
used."""

OWN_KERNELS, OWN_PACKAGES = "config/kernels.yml", "config/environment.yml"
"""Files that belong to the site and that git ignores. config/kernels.yml replaces
kernels/kernels.yml. config/environment.yml adds packages to environment.yml."""


def data(relative: str) -> Path:
    """Return the path of a data file or directory.

    `relative` is a path such as `config/templates`. Raises FileNotFoundError if this copy of
    sitekit does not contain the file.
    """
    for root in (_PACKAGE / "_data", CHECKOUT):
        if (root / relative).exists():
            return root / relative
    raise FileNotFoundError(f"{relative} is missing from this copy of sitekit")
