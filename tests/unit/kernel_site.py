"""A scratch site for the tests of the kernels room: modules and interpreters of its own, a borrowed
hub environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sitekit.base.data_files import data
from sitekit.kernels.generations import generation
from sitekit.kernels.make_and_publish import make_kernels
from sitekit.site import Site, load_site

LMOD = Path("/usr/share/lmod/lmod")
HAS_R = shutil.which("R") is not None and Path("/usr/lib/R/site-library/IRkernel").exists()


OF_THE_DEMO = Path("/opt/sitekit/demo/current")
_borrowed: list[Path] = []


def release() -> Path:
    """The hub environment to borrow: $SITEKIT_TEST_RELEASE, else that of the demo.

    Tests of the demo, which run at the same time, switch the demo to another release and back, and
    move the link away. Therefore all tests of a process use the release that the link named at
    first, as a running server does.
    """
    if given := os.environ.get("SITEKIT_TEST_RELEASE"):
        return Path(given)
    if not (_borrowed and _borrowed[0].exists()):
        if not OF_THE_DEMO.exists():
            return OF_THE_DEMO
        _borrowed[:] = [OF_THE_DEMO.resolve()]
    return _borrowed[0]


def missing() -> str | None:
    """Why kernels cannot be started for real here; None if they can."""
    if not (LMOD / "libexec" / "spider").exists():
        return "Lmod is not installed (apt install lmod)"
    python = release() / "bin" / "python"
    if not python.exists():
        return f"there is no hub environment at {release()} (make demo builds one; or set SITEKIT_TEST_RELEASE)"
    if (release() / "pyvenv.cfg").exists():
        return f"{release()} is a virtual environment, and a release is none"
    asked = [python, "-I", "-c", "import envkernel, ipykernel, jupyter_client"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=300)
    return (
        None
        if done.returncode == 0
        else f"{release()} is incomplete: {done.stderr.strip().splitlines()[-1]}"
    )


@contextmanager
def world_readable() -> Iterator[Path]:
    """A folder that `nobody` can read; pytest keeps those of its own from other accounts."""
    with tempfile.TemporaryDirectory(prefix="sitekit-test-kernels-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103
        yield Path(folder)


class KernelSite:
    """A site below `root` (world-readable), with `modules/`, `software/`, `kernels.yml` and
    `prefix/`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules, self.software = root / "modules", root / "software"
        for folder in (self.modules, self.software, root / "prefix"):
            folder.mkdir()
        (root / "prefix" / "current").symlink_to(release())
        self.rules = root / "kernels.yml"
        self.rules.write_text("# no opinions\n")
        values = load_site(data("config/sites/demo.yml")).model_dump(mode="json")
        values["paths"]["prefix"] = str(root / "prefix")
        values["kernels"] |= {"modulepath": [str(self.modules)], "lmod": str(LMOD), "check": {}}
        self.site = Site.model_validate(values)

    def make(self, switch: bool = True) -> int:
        """`make kernels`. The kernels that inherit what is loaded come only where a test's rules
        ask for them."""
        told = self.rules.read_text()
        used = self.rules.with_suffix(".used.yml")
        without = (
            told.replace("{", '{"inherit": [], ', 1)
            if told.startswith("{")
            else f"{told}\ninherit: []\n"
        )
        used.write_text(told if "inherit:" in told else without)
        return make_kernels(self.site, used, switch)

    def module(self, name: str, text: str, tree: Path | None = None) -> Path:
        file = (tree or self.modules) / f"{name}.lua"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def python(self, name: str, ipykernel: bool = True) -> Path:
        """An interpreter of its own: a virtual environment that borrows the release's ipykernel, or
        not."""
        place = self.software / name
        flags = ["--without-pip", "--system-site-packages"]
        subprocess.run(
            [release() / "bin" / "python", "-I", "-m", "venv", *flags, place],
            check=True,
            timeout=300,
        )
        packages = next(place.glob("lib/python3*/site-packages"))
        ask = [
            release() / "bin" / "python",
            "-I",
            "-c",
            "import ipykernel; print(ipykernel.__file__)",
        ]
        shown = subprocess.run(ask, check=True, capture_output=True, text=True, timeout=300)
        if ipykernel:
            (packages / "borrowed.pth").write_text(
                str(Path(shown.stdout.strip()).parents[1]) + "\n"
            )
        else:
            config = place / "pyvenv.cfg"
            config.write_text(
                config.read_text().replace(
                    "system-site-packages = true", "system-site-packages = false"
                )
            )
        return place

    def python_module(
        self, name: str, ipykernel: bool = True, extra: str = "", tree: Path | None = None
    ) -> Path:
        """The module `name` with an interpreter of its own; returns the interpreter."""
        place = self.python(name.replace("/", "-"), ipykernel)
        self.module(name, f'prepend_path("PATH", "{place}/bin")\n{extra}', tree)
        return place / "bin" / "python"

    def plain_python_module(self, name: str) -> Path:
        """The release's own interpreter by another name: unlike a virtual environment it heeds
        ~/.local."""
        place = self.software / name.replace("/", "-") / "bin"
        place.mkdir(parents=True)
        (place / "python").symlink_to((release() / "bin" / "python").resolve())
        self.module(name, f'prepend_path("PATH", "{place}")\n')
        return place / "python"

    @property
    def published(self) -> Path:
        return self.site.kernels_current / "kernels"

    def names(self) -> list[str]:
        return (
            sorted(path.name for path in self.published.iterdir())
            if self.published.exists()
            else []
        )

    def offered(self) -> set[str]:
        """Those of them that a server shows."""
        return {
            name
            for name in self.names()
            if generation.showing(self.site.kernels_current, name) == "offer"
        }

    def generations(self) -> list[str]:
        return sorted(path.name for path in (generation.root(self.site) / "generations").iterdir())
