"""The real Apptainer, in a root of a newer Debian, because bookworm has no package of it.

It runs on this host: systemd-nspawn does not start it on the booted machine of the other tests of
images.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sitekit.contracts.gate_config import session_settings
from sitekit.demo.software.build_pythons import mirror
from sitekit.demo.software.platform import distribution
from sitekit.kernels.images.check_image_files import stamps
from sitekit.kernels.images.trial import Trial, describe, start_kernels, start_server
from sitekit.session.containers.container import tested_as as settings_of_a_test
from sitekit.site.sections.images import Image

from ..conftest import Demo
from ..images.image_folder import PYTHON, build
from ..packages import install

pytestmark = pytest.mark.soak
PACKAGES = "apptainer,squashfuse,passwd,ca-certificates"
# Apptainer runs as `nobody` in the newer Debian, and finds all files at the same paths.
PROGRAM = """#!/bin/sh
exec systemd-nspawn --quiet --directory={top}/debian --register=no --keep-unit --console=pipe \\
    --bind-ro={prefix} --bind={top}/work --bind={top}/fuse:/dev/fuse --user=nobody \\
    --setenv=HOME="$HOME" --setenv=PATH="$PATH" \\
    --setenv=APPTAINERENV_SITEKIT_ENVIRONMENT="$APPTAINERENV_SITEKIT_ENVIRONMENT" \\
    -- /usr/bin/apptainer "$@"
"""


@pytest.fixture(scope="module")
def top(demo: Demo) -> Iterator[Path]:
    """A folder with a newer Debian, an image as a directory and as a SIF file, and the program."""
    install("mmdebstrap", "systemd-container")
    top = demo.site.paths.prefix.with_name("demo-apptainer")
    shutil.rmtree(top, ignore_errors=True)
    try:
        (top / "work").mkdir(parents=True)
        _debian(top / "debian")
        os.mknod(top / "fuse", 0o20666, os.makedev(10, 229))
        (top / "fuse").chmod(0o666)
        build(top / "work" / "image", demo.site.current.resolve())
        program = top / "apptainer"
        program.write_text(PROGRAM.format(top=top, prefix=demo.site.paths.prefix))
        program.chmod(0o755)
        yield top
    finally:
        shutil.rmtree(top, ignore_errors=True)
        for name in ("payload", "supervisor"):  # systemd-nspawn leaves them
            for hierarchy in ("systemd", "unified"):
                with suppress(OSError):
                    Path("/sys/fs/cgroup", hierarchy, name).rmdir()


def _debian(root: Path) -> None:
    """Install Apptainer into a root of Debian sid, with the files of the host that it mounts."""
    source = mirror(distribution().codename)
    subprocess.run(
        ["mmdebstrap", "--quiet", "--aptopt=Acquire::Check-Valid-Until \"false\"", "--variant=apt",
         f"--include={PACKAGES}", "sid", root, source],
        check=True,
        timeout=600,
    )  # fmt: skip
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "usr/share/zoneinfo").mkdir(exist_ok=True)
    shutil.copy("/usr/share/zoneinfo/UTC", root / "usr/share/zoneinfo/UTC")
    (root / "etc/localtime").unlink(missing_ok=True)
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/UTC")


@pytest.fixture
def scratch(top: Path) -> Iterator[Path]:
    """A folder with a home of `nobody`."""
    scratch = top / "work" / "trial"
    (scratch / "home").mkdir(parents=True)
    os.chown(scratch / "home", pwd.getpwnam("nobody").pw_uid, -1)
    yield scratch
    shutil.rmtree(scratch)


def test_kernels_and_server_in_a_directory_and_in_a_sif_file(
    demo: Demo, top: Path, scratch: Path
) -> None:
    sif = top / "work" / "image.sif"
    fast = "--mksquashfs-args=-comp gzip -Xcompression-level 1"
    subprocess.run(
        ["systemd-nspawn", "--quiet", f"--directory={top}/debian", "--register=no", "--keep-unit",
         "--console=pipe", f"--bind={top}/work", f"--bind={top}/fuse:/dev/fuse", f"--setenv=TMPDIR={top}/work",
         "--", "apptainer", "build", fast, sif, top / "work" / "image"],
        check=True, timeout=600, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    for path in (top / "work" / "image", sif):
        proven(demo, top, scratch, path)


def proven(demo: Demo, top: Path, scratch: Path, path: Path) -> None:
    """Do what `make images_check` does with one image."""
    image = Image.model_validate({"key": "a", "title": "A", "path": str(path), "python": PYTHON})
    settings = {
        "key": "a", "engine": "apptainer", "program": str(top / "apptainer"), "path": str(path),
        "python": PYTHON, "binds": [], "record": str(scratch / "record.json"),
    }  # fmt: skip
    release = demo.site.current.resolve()
    session = {**session_settings(demo.site), "root": "~", "links": {}, "user_variables": []}
    shown = release / "share/sitekit/container"
    trial = Trial(settings, scratch, release / "bin/python", shown, session, None)
    described = describe(trial)
    assert set(described["kernels"]) == {"python3"}
    start_kernels(trial, described)
    record = {
        "tested_as": settings_of_a_test(settings),
        "stamps": stamps(image, described["folders"]),
        "versions": described["versions"],
    }
    (scratch / "record.json").write_text(json.dumps(record))
    start_server(trial)
    assert "JupyterLab extension loaded" in (scratch / "server.log").read_text()
