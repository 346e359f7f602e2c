"""Build an image for tests in a second: a folder with the demo's release as the image's Python.

The packages are hard links to those of the release. Libraries and a few programs are copies of this
host's. The folder has no Debian and no conda, but it is a root that Charliecloud runs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from sitekit.site import Site

from ..packages import install_ipyparallel

PYTHON = "/opt/py/bin/python3.11"
PROGRAMS = ("/bin/sh", "/bin/bash", "/bin/cat", "/bin/ls", "/usr/bin/env", "/usr/bin/printf",
            "/usr/bin/ssh")  # fmt: skip
FOLDERS = ("dev", "etc", "home", "mnt/data", "opt/sitekit-session", "proc", "sys", "tmp", "usr/bin", "usr/lib",
           "usr/lib64")  # fmt: skip
NAMES = ("/etc/passwd", "/etc/group")
SLURM = Path("/usr/lib/x86_64-linux-gnu/slurm-wlm")
"""The folder of Slurm's plugins, which Slurm's programs load."""

KERNEL = {
    "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "Python 3 (image)",
    "language": "python",
}


def build(folder: Path, release: Path) -> None:
    """Make the image in `folder`, which does not exist yet."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (folder / name).symlink_to(f"usr/{name}")
    for name in ("passwd", "group", "hosts", "resolv.conf"):
        (folder / "etc" / name).touch()
    (folder / "etc" / "marker").write_text("inside the image\n")
    subprocess.run(["cp", "-al", release, folder / "opt" / "py"], check=True)
    _remove_the_kit(folder / "opt" / "py")
    add_files(folder, *PROGRAMS, *_packages_and_python(folder))


def add_files(folder: Path, *files: str) -> None:
    """Copy files of this host into the image, with the libraries that they load.

    Files of the image itself, which are below `folder`, are not copied, but their libraries are.
    """
    own = [file for file in files if not file.startswith(str(folder))]
    for path in {*own, *_libraries(list(files))}:
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)


def add_slurm(folder: Path, site: Site) -> None:
    """Add what submits and cancels jobs: the programs, the libraries of the plugins, and the
    folders of the binds."""
    add_files(folder, "/usr/bin/sbatch", "/usr/bin/scancel", str(SLURM / "auth_munge.so"))
    for bind in slurm_binds(site):
        if Path(bind).is_dir():
            (folder / bind.lstrip("/")).mkdir(parents=True, exist_ok=True)


def slurm_binds(site: Site) -> list[str]:
    """What Slurm's programs need of the node: configuration, plugins, munge's socket, and the
    account SlurmUser, which is not in the files that Charliecloud writes for a container."""
    [line] = [
        line for line in site.slurm.conf.read_text().splitlines() if line.startswith("AuthInfo=")
    ]
    socket = Path(line.partition("socket=")[2])
    return [str(site.slurm.conf.parent), str(SLURM), str(socket.parent), *NAMES]


def add_ipyparallel(folder: Path) -> None:
    """Install ipyparallel into the image's Python. The release's own files, of which the image has
    hard links, do not change."""
    shutil.copytree(install_ipyparallel(), folder / "opt" / "ipyparallel")
    [packages] = folder.glob("opt/py/local/lib/python3.*/dist-packages")
    (packages / "ipyparallel.pth").write_text("/opt/ipyparallel\n")


def _remove_the_kit(python: Path) -> None:
    """Leave the release's packages, without sitekit and without its settings of Jupyter."""
    [package] = python.glob("local/lib/python3.*/dist-packages/sitekit")
    kernels = python / "share" / "jupyter" / "kernels"
    settings = python / "etc" / "jupyter"
    for folder in (package, python / "share" / "sitekit", kernels, settings / "labconfig"):
        shutil.rmtree(folder)
    for name in (
        "jupyter_config.json",
        "jupyter_server_config.json",
        "jupyter_server_config.d/zz-sitekit.json",
    ):
        (settings / name).unlink()
    (kernels / "python3").mkdir(parents=True)
    (kernels / "python3" / "kernel.json").write_text(json.dumps(KERNEL))


def _packages_and_python(folder: Path) -> list[str]:
    """The files of the image that load libraries of this host."""
    files = [str(file) for file in (folder / "opt").rglob("*.so*") if file.is_file()]
    return [*files, str(folder) + PYTHON]


def _libraries(files: list[str]) -> set[str]:
    """The libraries of this host that the files load."""
    found: set[str] = set()
    for start in range(0, len(files), 100):
        ldd = ["ldd", *files[start : start + 100]]
        printed = subprocess.run(ldd, capture_output=True, text=True).stdout
        found |= {word for word in printed.split() if word.startswith("/lib")}
    return {path.rstrip(":") for path in found if Path(path.rstrip(":")).is_file()}
