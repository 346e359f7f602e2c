"""Build sitekit's own wheel from the checkout, and install it into a release."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from .. import __version__
from ..base.command import run
from ..base.data import CHECKOUT
from ..base.errors import Problem
from .release.install import pip_install
from .release.releases import Release

PARTS = (
    "pyproject.toml",
    "scripts/sitekit",
    "apache",
    "config/templates",
    "kernels",
    "scripts/gate",
    "systemd",
)
"""The files in the wheel: the same list as in pyproject.toml."""


def digest(checkout: Path = CHECKOUT) -> str:
    """Return the SHA-256 of all files that go into the wheel. Raises Problem."""
    total = hashlib.sha256()
    for file in sorted(_files(checkout)):
        try:
            content = file.read_bytes()
        except OSError as error:
            remedy = "run the command as a user who can read the checkout"
            raise Problem(f"cannot be read: {error.strerror}", str(file), remedy) from None
        total.update(f"{file.relative_to(checkout)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _files(checkout: Path) -> list[Path]:
    """Return the files that go into the wheel."""
    found = []
    for part in PARTS:
        top = checkout / part
        found += [top] if top.is_file() else [file for file in top.rglob("*") if file.is_file()]
    return [file for file in found if "__pycache__" not in file.parts]


def kit(checkout: Path = CHECKOUT) -> dict[str, str]:
    """Return the version and the hash of the kit, which a release records."""
    return {"version": __version__, "hash": digest(checkout)}


def install_kit(release: Release, checkout: Path = CHECKOUT) -> None:
    """Build the wheel and install it without its dependencies. Raises Problem.

    environment.yml already contains the dependencies.
    """
    if kit(checkout) != release.facts["kit"]:
        raise Problem(
            "was changed while this command ran", str(checkout), "run: make setup_conda install_all"
        )
    with tempfile.TemporaryDirectory(prefix="sitekit-") as folder:
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
        # Without -I: hatchling comes from the kit's own Python, and the build reads only
        # pyproject.toml.
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        run(build, cwd=checkout, env=environment, timeout=120)
        wheel = next(Path(folder).glob("sitekit-*.whl"))
        run(
            [*pip_install(release), "--no-deps", "--no-index", "--force-reinstall", wheel],
            timeout=120,
        )
    for origin in release.path.rglob("sitekit-*.dist-info/direct_url.json"):
        forget(origin)


def forget(origin: Path) -> None:
    """Remove pip's record of the temporary folder that the wheel was built in.

    Otherwise two builds would never be equal.
    """
    record = origin.with_name("RECORD")
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if "/direct_url.json," not in line))
    origin.unlink()
