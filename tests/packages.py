"""Install packages of the distribution, and packages of PyPI, that tests need."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path("/run/lock/sitekit-test-packages")
IPYPARALLEL = Path("/var/lib/sitekit-test-ipyparallel")
PINS = Path(__file__).parent / "chain" / "ipyparallel.txt"


def install(*packages: str) -> None:
    """Install the packages that are missing, without starting their services.

    The packages stay installed after the tests, like the packages of `make demo`. Processes of the
    tests wait for each other: apt-get update does not wait for another one.
    """
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(packages)


def _install(packages: tuple[str, ...]) -> None:
    missing = [
        name
        for name in packages
        if subprocess.run(["dpkg", "-s", name], capture_output=True).returncode
    ]
    if not missing:
        return
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600", "-o", "Dpkg::Use-Pty=0"]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        if subprocess.run(
            [*apt, "install", "-s", *missing], env=quiet, capture_output=True
        ).returncode:
            subprocess.run([*apt, "update"], env=quiet, check=True, timeout=600)
        subprocess.run(
            [*apt, "install", "-y", "--no-install-recommends", *missing],
            env=quiet, check=True, timeout=1100, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    finally:
        if ours:
            policy.unlink(missing_ok=True)  # another process may have removed it


def install_pinned(pins: Path, folder: Path) -> None:
    """Install the packages of PyPI that a file names, with these hashes, into a folder for PYTHONPATH.

    Everybody may read the folder.
    """
    pip = [sys.executable, "-I", "-m", "pip", "-q", "--disable-pip-version-check", "--no-input"]
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", folder]
    subprocess.run([*pip, "install", *options, "-r", pins], check=True, timeout=600)
    folder.chmod(0o755)


def install_ipyparallel(root: Path = Path("/")) -> Path:
    """Install ipyparallel below a machine's `root`, unless it is there; return its folder.

    The machine that tests/inside boots has no way to packages: the tests that boot it call this
    first.
    """
    folder = root / IPYPARALLEL.relative_to("/")
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        install_pinned(PINS, unfinished)
        unfinished.rename(folder)
    return folder
