"""Choose the version and the hash of each package in the `pip:` part of environment.yml.

pip installs the packages of this part because the conda channels do not have these packages.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ...base.errors import Problem
from ...base.progress import step
from ...base.run_program import Argv, run
from ..wheels.convert_one_wheel import PYPI_NAMES, target_environment
from ..wheels.environment_yml import Packages
from ..wheels.wheels_lock_file import entries, matching

_PIP = (sys.executable, "-I", "-m", "pip", "-q", "--no-input", "--disable-pip-version-check")
_WHEELS_ONLY = ("--only-binary", ":all:")


def pin(packages: Packages, found: Sequence[dict[str, str]], cache: Path) -> list[str]:
    """Return one requirement with its hash for each package that pip has to add.

    `found` lists the conda packages of the release. Raises Problem with pip's output if a package
    cannot be downloaded, or if its requirements contradict the conda packages.
    """
    if not packages.pip:
        return []
    version = next(package["version"] for package in found if package["name"] == "python")
    lock = matching(packages)
    known = entries(lock, target_environment(version)) if lock else {}
    names = [requirement_name(line) for line in packages.pip]
    if known and all(name in known for name in names):
        return [" ".join(known[name].replace("\\\n", " ").split()) for name in names]
    with step("Looking up what pip is to add") as s:
        pinned = _resolved(packages, found, version, cache)
        s.done(", ".join(line.split()[0] for line in pinned))
    return pinned


def requirement_name(line: str) -> str:
    """Return the normalized name in a requirement: `Jupyterlmod ==5.3.*` -> `jupyterlmod`."""
    return canonicalize_name(Requirement(line).name)


def _resolved(
    packages: Packages, found: Sequence[dict[str, str]], version: str, cache: Path
) -> list[str]:
    """Resolve the requirements with pip, for the release's version of Python.

    If conda also installs a package, pip must choose the version that conda installs. The result
    does not contain such a package.
    """
    held: dict[str, str] = {
        canonicalize_name(PYPI_NAMES.get(package["name"], package["name"])): package["version"]
        for package in found
    }
    lines = []
    for item in _pip_report(packages, held, version, cache)["install"]:
        name = canonicalize_name(item["metadata"]["name"])
        if name not in held:
            digest = _sha256(item["download_info"])
            lines.append(f"{name}=={item['metadata']['version']} --hash=sha256:{digest}")
    return sorted(lines)


def _pip_report(
    packages: Packages, held: Mapping[str, str], version: str, cache: Path
) -> dict[str, Any]:
    """Run `pip install --dry-run` and return pip's report. Raises Problem with pip's output.

    `held` maps the conda packages, by the names that pip uses for them, to their versions.
    `version` is the version of Python.
    """
    constraints, report = cache / "constraints.txt", cache / "pip-report.json"
    constraints.write_text("".join(f"{name}=={at}\n" for name, at in held.items()))
    options: Argv = ["--dry-run", "--ignore-installed", "--report", report, "-c", constraints]
    short = ".".join(version.split(".")[:2])
    target: Argv = ["--target", cache / "nowhere", "--python-version", short, *_WHEELS_ONLY]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        run([*_PIP, "install", *options, *target, *packages.pip], env=environment, timeout=600)
    except Problem as failed:
        remedy = (
            "check the versions in the pip: part, the network and pip's settings, then run it again"
        )
        raise Problem(
            f"the packages of the pip: part cannot be downloaded. {failed.what}",
            "environment.yml",
            remedy,
        ) from None
    content: dict[str, Any] = json.loads(report.read_text())
    return content


def _sha256(origin: dict[str, Any]) -> str:
    """Return the SHA-256 of a package file, as the package index lists it.

    If the package index is a local directory without hashes, compute the hash. Raises Problem if an
    index on a server lists no hash.
    """
    if digest := origin.get("archive_info", {}).get("hashes", {}).get("sha256"):
        return str(digest)
    if not origin["url"].startswith("file:"):
        raise Problem(
            "this index gives no SHA-256 of its files", origin["url"], "let pip use another index"
        )
    return hashlib.sha256(Path(unquote(urlsplit(origin["url"]).path)).read_bytes()).hexdigest()
