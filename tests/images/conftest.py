"""The demo with an image that Charliecloud runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.kernels.images.check import check_images
from sitekit.machine.apply.commands import apply
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.site import Site

from ..conftest import Demo
from ..packages import install
from ..slurm import ask
from .image_folder import PYTHON, add_ipyparallel, add_slurm, build, slurm_binds

ENGINES = {"partition": "jupyter-short", "memory": "300M", "time": "0:10:00"}
"""The job of ipyparallel's engines."""


@dataclass(frozen=True)
class Images:
    """The site, whose tier `small` offers the image `python`, and the folder of this image.

    The folder `data` of the node is shown in the image at /mnt/data. The image `other` has the same
    files, and no tier offers it. With --soak, the image has Slurm's programs and ipyparallel.
    """

    site: Site
    folder: Path
    data: Path

    @property
    def record(self) -> Path:
        return self.site.paths.prefix / "images" / "python.json"

    def check(self) -> None:
        assert check_images(self.site, ("python",)) == 0


@pytest.fixture(scope="package")
def images(demo: Demo, request: pytest.FixtureRequest) -> Iterator[Images]:
    """The demo with images; afterwards the demo as it was."""
    install("charliecloud")
    as_run = demo_site(which_supervisor())
    # beside the releases' folder, on the same disk, because the image has hard links to a release
    top = as_run.paths.prefix.with_name("demo-images")
    values = as_run.model_dump(mode="json")
    engines = request.config.getoption("--soak")
    binds = [f"{top}/data:/mnt/data", *(slurm_binds(as_run) if engines else ())]
    common = {"path": str(top / "python"), "python": PYTHON, "binds": binds}
    if engines:
        values["server"]["ipyparallel"] = ENGINES
    values["server"]["containers"] = {"engine": "charliecloud"}
    values["server"]["images"] = [
        {"key": "python", "title": "Python of the tests", **common},
        {"key": "other", "title": "Not offered", **common},
    ]
    values["tiers"][0]["images"] = ["python"]
    made = Images(Site.model_validate(values), top / "python", top / "data")
    shutil.rmtree(top, ignore_errors=True)
    try:
        build(made.folder, as_run.current.resolve())
        if engines:
            add_slurm(made.folder, as_run)
            add_ipyparallel(made.folder)
        made.data.mkdir()
        (made.data / "file").write_text("data of the node\n")
        assert apply(made.site) == 0
        made.check()
        yield made
    finally:
        for user in ("alice", "bob"):
            ask(as_run, "scancel", f"--user={user}")
        assert apply(as_run) == 0
        shutil.rmtree(top, ignore_errors=True)
        shutil.rmtree(as_run.paths.prefix / "images", ignore_errors=True)
