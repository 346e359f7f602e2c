"""Implement `make images_check`: test the site's container images, print the results, and record
the images that work."""

from __future__ import annotations

import json
import os
import pwd
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...base import progress
from ...base.errors import BadInput, Problem
from ...base.files import write_atomic
from ...base.run_program import need_root, run
from ...contracts.gate_config import session_settings
from ...contracts.image_settings import image_settings, record_path
from ...session.containers.container import minor, package, tested_as
from ...site import Site
from ...site.sections.docker import DockerImage
from ...site.sections.images import Image
from .. import result_table
from ..result_table import Row
from ..run_as_owner import another_owner
from .check_image_files import Unproven, check_files, stamps
from .docker_trial import DockerTrial, find_image
from .trial import Trial, describe, start_kernels, start_server

ACCOUNT = "nobody"
"""The account that runs images in the test if root owns the prefix."""

VERSION = "from importlib.metadata import version; print(version('jupyterhub'))"


def check_images(site: Site, keys: tuple[str, ...]) -> int:
    """Test the images with the keys `keys`, or all images if `keys` is empty. Returns 1 if an image
    failed, otherwise 0.

    If an image fails, the command removes the record of the image's earlier test. Therefore no user
    can start the image. Raises BadInput if site.yml has no image with one of the keys. Raises
    Problem if this machine has no container engine or no release.
    """
    images = _named(site, keys)
    hub_version = _prepare(site, images)
    rows = []
    with progress.step("Testing each image", total=len(images)) as step:
        for image in images:
            if isinstance(image, DockerImage):
                rows.append(_checked_in_docker(site, image, hub_version))
            else:
                rows.append(_checked(site, image, hub_version))
            step.note(image.key)
            step.advance()
        step.done(f"{sum(row.status == 'proven' for row in rows)} of {len(rows)} work")
    result_table.show(rows)
    return int(any(row.status == "FAILED" for row in rows))


def _named(site: Site, keys: tuple[str, ...]) -> list[Image | DockerImage]:
    """Return the site's images (of all engines) with the keys `keys`, or all images if `keys` is
    empty. Raises BadInput for an unknown key."""
    images: list[Image | DockerImage] = [*site.server.images, *site.docker.images]
    known = [image.key for image in images]
    if not images:
        raise BadInput("the site has no images", "server.images", "add them to the site file")
    for key in keys:
        if key not in known:
            raise BadInput(
                f"there is no image '{key}'", "IMAGE", f"name one of: {', '.join(known)}"
            )
    return [image for image in images if not keys or image.key in keys]


def _prepare(site: Site, images: list[Image | DockerImage]) -> str:
    """Check that this machine can test the images, and return the version of JupyterHub in the
    release. Raises Problem if the container engine or the release is missing."""
    engine = site.server.containers
    of_docker = [image for image in images if isinstance(image, DockerImage)]
    if of_docker:
        need_root("images_check")  # an account that can use Docker's socket has the rights of root
    has_engine = engine is not None and os.access(engine.path, os.X_OK)
    if len(of_docker) < len(images) and not has_engine:
        raise Problem(
            f"there is no {engine.path if engine else 'engine'} on this machine",
            "server.containers",
            "run the check where the servers run, or correct program",
        )
    if not package(site.current).is_dir():
        raise Problem(
            "there is no release that runs images",
            str(site.current),
            "run: make setup_conda install_all",
        )
    argv = [str(site.current / "bin/python"), "-I", "-c", VERSION]
    return run(argv, user=another_owner(site)).stdout.strip()


def _checked(site: Site, image: Image, hub_version: str) -> Row:
    """Test one image. Write the image's record if the test succeeds, or remove the image's record
    if the test fails. Return the image's row of the table."""
    file = record_path(site.paths.prefix, image.key)
    file.parent.mkdir(mode=0o755, exist_ok=True)
    began = time.monotonic()
    try:
        record = _proven(site, image, hub_version)
    except Unproven as why:
        file.unlink(missing_ok=True)
        return Row("FAILED", image.key, image.title, "", str(why), counts=True)
    write_atomic(file, json.dumps(record, indent=1) + "\n")
    return _proven_row(image, record, began)


def _proven_row(image: Image | DockerImage, has: dict[str, Any], began: float) -> Row:
    """Return the table row of an image that works. `has` is the record of the test, and `began` is
    the time when the test began."""
    versions, kernels = has["versions"], ", ".join(sorted(has["kernels"]))
    what = f"JupyterHub {versions['jupyterhub']}, JupyterLab {versions['jupyterlab']}, kernels: "
    took = f" ({time.monotonic() - began:.1f} s)"
    return Row("proven", image.key, image.title, what + kernels + took)


def _checked_in_docker(site: Site, image: DockerImage, hub_version: str) -> Row:
    """Test one image of Docker, and return its row of the table."""
    began, release = time.monotonic(), site.current.resolve()
    try:
        with _scratch(release.parent.parent) as (scratch, user):
            number = find_image(site, image)
            settings = _plain(site) | {"address": "127.0.0.1", "container": image.key}
            engine = {"engine": "docker", "python": str(image.python), "name": number}
            python, shown = release / "bin/python", package(release)
            with DockerTrial(engine, scratch, python, shown, settings, user).within(site) as trial:
                described = describe(trial)
                _check_versions(described["versions"], hub_version)
                start_kernels(trial, described)
                start_server(trial)
    except Unproven as why:
        return Row("FAILED", image.key, image.title, "", str(why), counts=True)
    return _proven_row(image, described, began)


def _plain(site: Site) -> dict[str, Any]:
    """Return the settings of a user's server for the test, without the settings about users'
    folders."""
    plain = {**session_settings(site), "root": "~", "links": {}, "user_variables": []}
    plain.pop("repository", None)
    return plain


def _proven(site: Site, image: Image, hub_version: str) -> dict[str, Any]:
    """Test one image, and return the record of the test. Raises Unproven if the image does not
    work."""
    prefix = site.paths.prefix
    check_files(image, prefix.stat().st_uid)
    with _scratch(record_path(prefix, image.key).parent) as (scratch, user):
        aside = scratch / "record.json"
        settings = {**image_settings(site, image, prefix), "record": str(aside)}
        release = site.current.resolve()
        python, shown = release / "bin/python", package(release)
        trial = Trial(settings, scratch, python, shown, _plain(site), user)
        described = describe(trial)
        _check_versions(described["versions"], hub_version)
        _check_programs(site, described)
        start_kernels(trial, described)
        record = {
            "image": image.key,
            "tested_as": tested_as(settings),
            "stamps": stamps(image, described["folders"]),
            "digest": image.digest,
            "versions": described["versions"],
            "kernels": {name: one["language"] for name, one in described["kernels"].items()},
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        write_atomic(aside, json.dumps(record))
        start_server(trial)
    return record


def _check_versions(has: dict[str, str], hub_version: str) -> None:
    """Raise Unproven if JupyterHub, JupyterLab or ipykernel is missing in the image. Also raise
    Unproven if the first two numbers of JupyterHub's version differ between image and hub."""
    missing = [name for name in ("jupyterhub", "jupyterlab", "ipykernel") if not has[name]]
    if missing:
        raise Unproven(f"it has no {', '.join(missing)}; install them in the image")
    if minor(has["jupyterhub"]) != minor(hub_version):
        raise Unproven(
            f"it has JupyterHub {has['jupyterhub']}, and the hub has {hub_version}; "
            f"build it with jupyterhub {'.'.join(minor(hub_version))}"
        )


def _check_programs(site: Site, has: dict[str, Any]) -> None:
    """Raise Unproven if a program that the site's servers need, such as ssh or git, is missing in
    the image."""
    if site.tunnel and not has["ssh"]:
        raise Unproven("it has no ssh, which servers need for the tunnel; install openssh in it")
    if site.server.repository and not (has["git"] and has["versions"]["nbgitpuller"]):
        raise Unproven(
            "it has no git or no nbgitpuller, which copy server.repository; install them in it"
        )


@contextmanager
def _scratch(place: Path) -> Iterator[tuple[Path, str | None]]:
    """Create a folder with a home directory for the test. Yield the folder, and the account that
    runs the image (None means the account of this process).

    The folder is below the prefix, because container engines can hide other folders of this host,
    such as /tmp, from the container.
    """
    with tempfile.TemporaryDirectory(prefix=".trial-", dir=place) as name:
        scratch, user = Path(name), ACCOUNT if os.geteuid() == 0 else None
        scratch.chmod(0o755)
        (scratch / "home").mkdir(mode=0o700)
        if user:
            entry = pwd.getpwnam(user)
            os.chown(scratch / "home", entry.pw_uid, entry.pw_gid)
        yield scratch, user
