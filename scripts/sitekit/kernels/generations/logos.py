"""The pictures in JupyterLab's launcher: kernels/logos/<name>/, or those of `other` where there are
none."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from ...base.data import data

FILES = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")


def logo_files(name: str) -> list[Path]:
    """The files for the logo `name`; a language without a drawing gets the plain one."""
    try:
        folder = data(f"kernels/logos/{name}")
    except FileNotFoundError:
        folder = data("kernels/logos/other")
    return [folder / file for file in FILES if (folder / file).exists()]


@cache
def logo_digest(name: str) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in logo_files(name))).hexdigest()[
        :16
    ]
