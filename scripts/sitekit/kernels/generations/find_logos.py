"""Find the logos for JupyterLab's launcher in kernels/logos/<name>/.

If the folder of a name does not exist, the logos in the folder `other` are used.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from ...base.data_files import data

FILES = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")


def logo_files(name: str) -> list[Path]:
    """Return the image files of the logo `name`. If this logo does not exist, return the image
    files of the logo `other`."""
    try:
        folder = data(f"kernels/logos/{name}")
    except FileNotFoundError:
        folder = data("kernels/logos/other")
    return [folder / file for file in FILES if (folder / file).exists()]


@cache
def logo_digest(name: str) -> str:
    """Return a digest of the files of a logo."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in logo_files(name))).hexdigest()[
        :16
    ]
