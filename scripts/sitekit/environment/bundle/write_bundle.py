"""Write the release in use as one tar file (`make bundle`) for sites without a network.

The tar file has four directories. `channel/` contains the conda packages, and `wheels/` contains
the packages that pip adds. `kit/` contains a copy of this checkout, and `kit-wheels/` contains the
Python packages that sitekit itself needs. The tar file also has four files: the lock (the list of
packages), `sbom.cdx.json`, `bundle.json`, and SHA256SUMS with the hashes of all other files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ...base.data_files import CHECKOUT, OWN_KERNELS, OWN_PACKAGES
from ...base.files import write_atomic
from ...base.module_in_child_process import ask_child_process
from ...base.progress import say, step
from ...base.run_program import Argv, run
from ...site import Site
from ..channel import ENGINE, solve_environment
from ..release.install_packages import wheels_name
from ..release.releases import Release
from ..wheels.environment_yml import Packages
from .download_package import fetch
from .sbom import sbom

HERE = "/bundle"
"""In the bundle's list of packages, this placeholder replaces the path of the bundle's own
channel."""

SUMS, ABOUT, LOCK = "SHA256SUMS", "bundle.json", "environment.lock"
_EPOCH = 315532800


def write_bundle(site: Site, release: Release, packages: Packages, cache: Path, file: Path) -> None:
    """Write the bundle with all packages of `release` to `file`. Raises Problem.

    The bundle has a temporary name until it is complete.
    """
    work = cache / "bundle.partial"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    _collect_packages(site, release, work)
    _write_lock(release, packages, work)
    if pinned := release.facts.get("pip", []):
        shutil.copytree(cache / wheels_name(pinned), work / "wheels")
    with step("Collecting sitekit itself"):
        _collect_kit(work)
    (work / "sbom.cdx.json").write_text(json.dumps(sbom(release, work), indent=1) + "\n")
    python = ".".join(map(str, sys.version_info[:2]))
    about = {
        "release": release.name,
        "source": release.facts["source"]["told"],
        "kit_python": python,
        "machine": os.uname().machine,
    }
    (work / ABOUT).write_text(json.dumps(about, indent=1) + "\n")
    _pack(work, file)
    shutil.rmtree(work)
    say(
        f"On a machine with Python {python} and no network: tar -xf {file.name} kit && cd kit, edit config/site.yml,"
    )
    say(f"then: make setup_conda install_all BUNDLE=/path/to/{file.name}")


def _collect_packages(site: Site, release: Release, work: Path) -> None:
    """Download the release's packages into the bundle's channel (a directory of conda packages)."""
    found = release.facts["packages"]
    with step("Collecting packages", total=len(found)) as s:
        for package in found:
            *_, subdir, name = unquote(urlsplit(package["url"]).path).split("/")
            (work / "channel" / subdir).mkdir(parents=True, exist_ok=True)
            fetch(site, package["url"], package["sha256"], work / "channel" / subdir / name)
            s.advance()
        s.done(f"{len(found)} packages")


def _write_lock(release: Release, packages: Packages, work: Path) -> None:
    """Write the release's list of packages. In the written list, the path of each package in the
    bundle replaces the package's URL."""
    lock = work / LOCK
    shutil.copy(release.lock, lock)
    ask_child_process(
        ENGINE, {"verb": "move", "lock": str(lock), "channel": f"file://{HERE}"}, timeout=60
    )
    write_atomic(lock, solve_environment.kept(release.solution.head(packages), lock.read_text()))


def _pack(work: Path, file: Path) -> None:
    """Write the file SHA256SUMS, and pack SHA256SUMS and all other files into the tar file."""
    files = sorted(path for path in work.rglob("*") if path.is_file() and not path.is_symlink())
    (work / SUMS).write_text(
        "".join(f"{_sha256(path)}  {path.relative_to(work)}\n" for path in files)
    )
    with step(f"Writing {file}") as s:
        draft = file.with_name(f".{file.name}.partial")
        with tarfile.open(draft, "w") as archive:
            for path in [work / SUMS, *files]:
                archive.add(path, str(path.relative_to(work)), filter=_plain)
        os.replace(draft, file)
        s.done(f"{file.stat().st_size // 10**6} MB")


def _collect_kit(work: Path) -> None:
    """Copy the checkout and download the wheels that sitekit itself needs.

    Of the files that git ignores, the copy contains only config/environment.yml and
    config/kernels.yml. The downloaded wheels fit only the version of Python that runs this command.
    """
    own = [name for name in (OWN_PACKAGES, OWN_KERNELS) if (CHECKOUT / name).exists()]
    for path in {*_checkouts_files(), *own}:
        target = work / "kit" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / path, target)
    pip = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "-q",
        "--no-input",
        "--disable-pip-version-check",
        "download",
    ]
    into: Argv = ["--only-binary", ":all:", "-d", work / "kit-wheels"]
    run([*pip, *into, "--require-hashes", "-r", CHECKOUT / "scripts/requirements.txt"], timeout=600)
    run([*pip, *into, "--no-deps", "pip"], timeout=300)


def _checkouts_files() -> list[str]:
    """Return the files of the checkout that git tracks, and new files that git does not ignore. The
    tests are omitted.

    If git is not available, return all files except the tests, .git, .kit and bundles.
    """
    listed = subprocess.CompletedProcess([], 1, "")
    if shutil.which("git"):
        command: Argv = [
            "git",
            "-C",
            CHECKOUT,
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]
        listed = run(command, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.rstrip("\0").split("\0")
    else:
        names = [
            str(path.relative_to(CHECKOUT))
            for path in CHECKOUT.rglob("*")
            if "__pycache__" not in path.parts
        ]
    tops = {".git", ".kit", "tests"}
    kept = [
        name
        for name in names
        if Path(name).parts[0] not in tops and not Path(name).match("*sitekit-*.tar*")
    ]
    return [name for name in kept if (CHECKOUT / name).is_file()]


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Remove owner and time from an entry of the tar file. Therefore two bundles of the same
    release have the same content."""
    member.mtime, member.uid, member.gid, member.uname, member.gname = _EPOCH, 0, 0, "", ""
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    return member


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
