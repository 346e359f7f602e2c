"""The image of images/workshop.Dockerfile, built from Debian's and PyPI's packages, works.

Its base is made by mmdebstrap(1), because the tests reach no registry of images.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.demo.software.build_pythons import mirror
from sitekit.demo.software.platform import distribution
from sitekit.kernels.images.check import check_images

from ..conftest import CHECKOUT
from ..packages import install
from .conftest import Workshop
from .machine import SOCKET, docker, run

pytestmark = pytest.mark.soak
BASE, BUILT = "debian:12-slim", "sitekit/built:1"
REACH = ("etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")
"""How this machine reaches the registry of Python's packages, and which certificates it trusts."""


@pytest.fixture
def base(workshop: Workshop) -> Iterator[None]:
    """An image with the name of Docker Hub's Debian, and Debian's packages of this machine's mirror."""
    install("mmdebstrap")
    top = Path(tempfile.mkdtemp(dir="/var/lib", prefix="sitekit-test-"))
    try:
        root = top / "root"
        words = ["--quiet", "--variant=minbase", "--include=ca-certificates", "bookworm", root]
        run("mmdebstrap", *words, mirror(distribution().codename), patience=600)
        for name in REACH:
            if Path("/", name).exists():
                shutil.copy(Path("/", name), root / name)
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as packed:
            words = ["/usr/bin/docker", "-H", f"unix://{SOCKET}", "import", "-", BASE]
            subprocess.run(words, stdin=packed.stdout, check=True, stdout=subprocess.DEVNULL)
        yield
    finally:
        shutil.rmtree(top)
        docker("rmi", "--force", BUILT, BASE, check=False)


def test_the_image_of_the_dockerfile_works(
    workshop: Workshop, base: None, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = run(workshop.site.current / "bin/jupyterhub", "--version")
    words = ["build", "--network=host", f"--build-arg=JUPYTERHUB={hub}", f"--tag={BUILT}"]
    folder = CHECKOUT / "images"
    docker(*words, f"--file={folder}/workshop.Dockerfile", folder, patience=1800)
    first, *others = workshop.site.docker.images
    update = {"name": BUILT, "python": Path("/opt/jupyter/bin/python3")}
    images = (first.model_copy(update=update), *others)
    settings = workshop.site.docker.model_copy(update={"images": images})
    site = workshop.site.model_copy(update={"docker": settings})
    assert check_images(site, (first.key,)) == 0, capsys.readouterr()
    assert "kernels: ir, python3" in capsys.readouterr().out
