"""Build the workshop's image for tests in seconds, from the demo's release and this host's R."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from ..images import image_folder

PYTHON = image_folder.PYTHON
NAME = "sitekit/workshop:2027"
R_FOLDERS = ("/usr/lib/R", "/usr/share/R", "/etc/R", "/usr/lib/locale/C.utf8")
R_PROGRAMS = (
    "/usr/bin/R",
    "/bin/sed",
    "/usr/bin/uname",
    "/usr/bin/dirname",
    "/bin/rm",
    "/bin/grep",
    "/usr/bin/which",
    "/bin/mkdir",
    "/usr/bin/head",
)
GIT = ("/usr/bin/git", "/usr/lib/git-core/git-remote-https")
KERNEL = {
    "argv": ["/usr/bin/R", "--slave", "-e", "IRkernel::main()", "--args", "{connection_file}"],
    "display_name": "R (image)",
    "language": "R",
}


def build(folder: Path, release: Path) -> None:
    """Make the image's files in `folder`, which does not exist yet."""
    image_folder.build(folder, release)
    (folder / "tmp").chmod(0o1777)
    for place in R_FOLDERS:
        if Path(place).is_dir():
            shutil.copytree(place, folder / place.lstrip("/"), symlinks=True, dirs_exist_ok=True)
    for program in R_PROGRAMS:
        target = folder / program.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(program, target)
    for library in _libraries(folder / "usr/lib/R"):
        target = folder / library.lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    image_folder.add_files(folder, *GIT)
    spec = folder / "opt/py/share/jupyter/kernels/ir/kernel.json"
    spec.parent.mkdir()
    spec.write_text(json.dumps(KERNEL))


def _libraries(folder: Path) -> set[str]:
    """The libraries of this host that R and its packages load."""
    files = [
        str(file)
        for file in folder.rglob("*")
        if file.suffix == ".so" or file.parent.name == "exec"
    ]
    files += R_PROGRAMS[1:]
    printed = subprocess.run(["ldd", *files], capture_output=True, text=True).stdout
    words = {word for word in printed.split() if word.startswith("/") and not word.endswith(":")}
    return {word for word in words if Path(word).is_file() and not word.startswith("/usr/lib/R/")}
