"""Verify a release before the hub uses it. The checks cover the release's files, dependencies and
programs, and the Python modules of each package."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...base.errors import Problem
from ...base.module_in_child_process import ask_child_process
from ...base.run_program import run
from ...site import Site
from ..channel import ENGINE
from . import file_hashes, trial_run
from .configure_release import GUARDED, plain_environment
from .releases import Release
from .required_package_contents import Piece
from .user_commands import folder


def verify(site: Site, release: Release, pieces: list[Piece], own: dict[str, str]) -> int:
    """Verify the release, and return the number of checks.

    Raises Problem with a list of all failed checks.
    """
    with tempfile.TemporaryDirectory(prefix="sitekit-") as scratch:
        folder = Path(scratch)
        environment = plain_environment(release.path, folder)
        checks: list[Callable[[], list[str]]] = [
            lambda: _pieces(release, pieces, environment),
            lambda: file_hashes.faults(release.path, own),
            lambda: _agreement(release, environment),
            lambda: _records(release),
            lambda: _programs(release, pieces, environment),
        ]
        named = {piece.name for piece in pieces}
        if "jupyterhub" in named:
            checks.insert(
                0, lambda: trial_run.hub_reads_the_site(site, release, environment, folder)
            )
        if {"jupyterhub", "jupyterlab"} <= named:
            checks.insert(0, lambda: trial_run.server_answers(site, release, environment, folder))
        if "configurable-http-proxy" in named:
            checks.insert(0, lambda: trial_run.proxy_routes(release, environment, folder))
        with ThreadPoolExecutor(2) as pool:
            faults = [fault for found in pool.map(lambda check: check(), checks) for fault in found]
    if faults:
        listed = "".join(f"\n    {fault}" for fault in faults)
        raise Problem(
            f"this release does not work and will not be used:{listed}", str(release.path)
        )
    return len(release.facts["packages"]) + len(pieces) + len(checks)


def _records(release: Release) -> list[str]:
    """Return an error for each package that the release must have, but that has no record in
    conda-meta."""
    found = set(
        ask_child_process(ENGINE, {"verb": "records", "prefix": str(release.path)}, timeout=120)
    )
    missing = sorted({package["name"] for package in release.facts["packages"]} - found)
    return [f"conda has no record of {name} here" for name in missing]


def _agreement(release: Release, environment: dict[str, str]) -> list[str]:
    """Run `pip check`, which finds packages whose requirements are not met. Return the errors."""
    done = run(
        [release.python, "-I", "-m", "pip", "check"], env=environment, check=False, timeout=120
    )
    return (
        []
        if done.returncode == 0
        else [f"pip check: {line}" for line in (done.stdout + done.stderr).splitlines()]
    )


def _pieces(release: Release, pieces: list[Piece], environment: dict[str, str]) -> list[str]:
    """Run the tests of each package with the release's own Python. Return the failures."""
    servers = [name for piece in pieces for name in piece.server]
    request = {
        "modules": [module for piece in pieces for module in piece.modules],
        "server_extensions": servers,
        "guarded": [GUARDED[name] for name in servers if name in GUARDED],
        "lab_extensions": [name for piece in pieces for name in piece.lab],
        "kernels": _kernels({piece.name for piece in pieces}),
        "guard": [name for name in servers if name == "sitekit.session.overrides.lmod_guard"],
    }
    script = Path(__file__).with_name("check_from_inside.py")
    done = run(
        [release.python, "-I", script],
        stdin=json.dumps(request),
        env=environment,
        check=False,
        timeout=300,
    )
    try:
        return [f"{what}: {why}" for what, why in json.loads(done.stdout).items()]
    except ValueError:
        return [
            "the release's Python: " + (done.stderr.strip().splitlines() or ["prints nothing"])[-1]
        ]


def _kernels(names: set[str]) -> list[str] | None:
    """Return the names of the kernels that the release must have. If the release has no Jupyter,
    return None."""
    return (["bash"] if "bash_kernel" in names else []) if "ipykernel" in names else None


def _programs(release: Release, pieces: list[Piece], environment: dict[str, str]) -> list[str]:
    """Return the programs that are missing or cannot print their help."""
    programs = [release.path / "bin" / program for piece in pieces for program in piece.programs]
    faults = [f"{program} is missing" for program in programs if not program.exists()]
    tried = [release.path / "bin" / name for name in ("jupyterhub", "configurable-http-proxy")]
    kernels = [folder(release.path) / "sitekit-kernel"] * any(
        piece.name == "ipykernel" for piece in pieces
    )
    for program in (*filter(programs.__contains__, tried), *kernels):
        if program.exists():
            done = run([program, "--help"], env=environment, check=False, timeout=60)
            if done.returncode:
                faults.append(f"{program.name} --help: {done.stderr.strip()[-200:]}")
    return faults
