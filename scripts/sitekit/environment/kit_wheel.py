"""Build a wheel of sitekit itself from the checkout, and install this wheel into a release."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

from .. import __version__
from ..base.data_files import CHECKOUT
from ..base.errors import Problem
from ..base.run_program import run
from .release.install_packages import pip_install
from .release.releases import Release

PARTS = (
    "pyproject.toml",
    "scripts/sitekit",
    "apache",
    "config/static",
    "config/templates",
    "kernels",
    "scripts/gate",
    "scripts/ssh_principals",
    "scripts/tunnel_principals",
    "scripts/tunnel_sshd",
    "systemd",
)
"""The files and directories of the checkout that the wheel contains. pyproject.toml has the same
list."""


def digest(checkout: Path = CHECKOUT) -> str:
    """Return one SHA-256 of the names and contents of all files that the wheel will contain.

    Raises Problem if a file cannot be read.
    """
    total = hashlib.sha256()
    for file in sorted(_files(checkout)):
        try:
            content = file.read_bytes()
        except OSError as error:
            remedy = "run it as somebody who can read the checkout"
            raise Problem(f"cannot be read: {error.strerror}", str(file), remedy) from None
        total.update(f"{file.relative_to(checkout)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _files(checkout: Path) -> list[Path]:
    files = []
    for part in PARTS:
        top = checkout / part
        files += [top] if top.is_file() else [file for file in top.rglob("*") if file.is_file()]
    return [file for file in files if "__pycache__" not in file.parts]


def kit(checkout: Path = CHECKOUT) -> dict[str, str]:
    """Return the version of sitekit and the hash of its files. A release records these values."""
    return {"version": __version__, "hash": digest(checkout)}


def install_kit(release: Release, checkout: Path = CHECKOUT) -> None:
    """Build a wheel of sitekit and install the wheel into the release. Raises Problem.

    pip installs no dependencies of sitekit, because environment.yml already contains them.
    """
    if kit(checkout) != release.facts["kit"]:
        raise Problem("was changed meanwhile", str(checkout), "run: make setup_conda install_all")
    with tempfile.TemporaryDirectory(prefix="sitekit-") as folder:
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
        # Python's option -I is not used, because hatchling is installed in sitekit's own Python,
        # and only pyproject.toml configures the build.
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
    """Remove direct_url.json. In this file, pip has recorded the directory from which pip has
    installed the wheel.

    This directory was temporary, and had a random name. With this file, two builds of the same
    release would differ.
    """
    record = origin.with_name("RECORD")
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if "/direct_url.json," not in line))
    origin.unlink()
