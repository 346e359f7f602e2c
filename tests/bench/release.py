"""The row `release`: the time to build a release with the packages of `environment.yml`: with empty
caches, with full caches, and when nothing has changed.

The row compares sitekit with venv and pip, and with uv. All of them install the same packages.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sitekit.environment.release.releases import read
from sitekit.environment.release.required_package_contents import wanted
from sitekit.environment.release.verify import verify
from sitekit.environment.wheels.convert_one_wheel import target_environment
from sitekit.environment.wheels.environment_yml import read_packages
from sitekit.environment.wheels.python_node_proxy_packages import PYTHON
from sitekit.environment.wheels.wheels_lock_file import entries, matching

from ..checkout import TOP, Checkout
from .common import Bench, keep, table

GOAL = 1.0  # seconds for the command that finds nothing to do


def measure(bench: Bench) -> None:
    """Each way once with empty caches and once with its own full ones; print and keep seconds and
    MB."""
    with tempfile.TemporaryDirectory(prefix="sitekit-bench-", dir="/var/tmp") as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)
        rows = [*_ours(scratch), *_others(scratch)]
    nothing = next(row for row in rows if row["what"] == "sitekit, nothing to do")["seconds"]
    notes = [
        f"If nothing has changed, sitekit needs {nothing:.2f} s "
        f"(goal {GOAL:g} s, {'met' if nothing <= GOAL else 'MISSED'}).",
        "cold: the packages come from the network. pip and uv install no separate Python and no proxy, and "
        "do not check the result.",
        "warm: the packages come from the cache of sitekit, pip or uv. All three programs write bytecode.",
    ]
    table("release: seconds to an environment with the packages of environment.yml", rows, notes)
    keep("release", rows=rows, notes=notes)


def _ours(scratch: Path) -> list[dict[str, Any]]:
    site = (
        (TOP / "config/sites/demo.yml")
        .read_text()
        .replace("/opt/sitekit/demo", str(scratch / "prefix"))
    )
    environment = (TOP / "environment.yml").read_text()
    ours = Checkout(scratch / "checkout", site.replace("name: demo", "name: bench"), environment)
    cache = {"PIP_CACHE_DIR": str(scratch / "pip-cold")}

    def build() -> None:
        ours.make("setup_conda", "install_all", **cache)

    rows = [_row("sitekit, cold: channel of wheels, release, all its checks", build)]
    nothing = _row("sitekit, nothing to do", build)
    release = ours.site.current.resolve()
    packages = read_packages()
    made = read(release)
    rows.append(
        _row(
            "  of that: its checks",
            lambda: verify(ours.site, made, wanted(packages), made.facts["own"]),
        )
    )
    rows[0]["MB"] = _megabytes(release)
    ours.site.current.unlink()
    shutil.rmtree(release)
    return [*rows, _row("sitekit, warm: release, all its checks", build), nothing]


def _others(scratch: Path) -> list[dict[str, Any]]:
    """The wheels of environment.wheels.lock, by hash, without resolving anything."""
    version = subprocess.run([PYTHON, "-I", "-c", "import platform; print(platform.python_version())"],
                             capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    lock = scratch / "lock.txt"
    lock.write_text(
        "".join(entries(matching(read_packages()) or "", target_environment(version)).values())
    )
    uv = _uv(scratch)
    rows = []
    for state in ("cold", "warm"):
        for name, install in (("venv + pip", _pip), ("uv", _uv_install)):
            venv = scratch / f"{name.split()[0]}-{state}"
            rows.append(
                _row(
                    f"{name}, {state}",
                    lambda install=install, venv=venv: install(uv, venv, lock, scratch),
                )
            )
            rows[-1]["MB"] = _megabytes(venv)
    return rows


def _pip(_: Path, venv: Path, lock: Path, scratch: Path) -> None:
    _run([PYTHON, "-I", "-m", "venv", "--without-pip", venv], scratch)
    pip = [sys.executable, "-I", "-m", "pip", "--python", venv / "bin/python", "install", "-q"]
    _run([*pip, "--no-deps", "--require-hashes", "-r", lock], scratch)


def _uv_install(uv: Path, venv: Path, lock: Path, scratch: Path) -> None:
    _run([uv, "venv", "-q", "--python", PYTHON, venv], scratch)
    install = [uv, "pip", "install", "-q", "--python", venv / "bin/python", "--compile-bytecode"]
    _run([*install, "--no-deps", "--require-hashes", "-r", lock], scratch)


def _uv(scratch: Path) -> Path:
    if found := shutil.which("uv"):
        return Path(found)
    _run(
        [sys.executable, "-I", "-m", "pip", "install", "-q", "--target", scratch / "uv", "uv"],
        scratch,
    )
    return scratch / "uv/bin/uv"


def _run(argv: list[Any], scratch: Path) -> None:
    places = {
        "PIP_CACHE_DIR": str(scratch / "pip-others"),
        "UV_CACHE_DIR": str(scratch / "uv-cache"),
    }
    environment = {
        key: value for key, value in os.environ.items() if not re.match("PYTHON|VIRTUAL_ENV", key)
    }
    words = [str(word) for word in argv]
    subprocess.run(
        words, check=True, env={**environment, **places}, timeout=900, capture_output=True
    )


def _row(what: str, work: Callable[[], object]) -> dict[str, Any]:
    begun = time.monotonic()
    work()
    return {"what": what, "seconds": round(time.monotonic() - begun, 2), "MB": ""}


def _megabytes(folder: Path) -> str:
    return str(sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) // 10**6)
