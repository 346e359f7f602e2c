"""Build the two Python installations for the demo's modules, each with ipykernel.

One Python has the version of this machine's distribution. The other Python has the version of the
distribution's previous release.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from ...base.errors import Problem
from ...base.run_program import run
from .apt_packages import APT, QUIET

SYSTEM = Path("/usr/bin/python3")
PINS = Path(__file__).with_name("ipykernel.txt")


@dataclass(frozen=True)
class Python:
    """Describe a Python that is installed in a separate directory.

    `libraries` is the directory of this Python's own shared libraries, or None if there is no such
    directory.
    """

    version: str
    folder: Path
    libraries: Path | None = None

    @property
    def program(self) -> Path:
        return self.folder / "bin" / "python"


def system_version() -> str:
    """Return the version of /usr/bin/python3, such as `3.11`."""
    return run([SYSTEM, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).stdout.strip()


def make_system_python(folder: Path, version: str) -> Python:
    """Create a virtual environment of the distribution's Python with ipykernel.

    Raises CommandFailed if a command fails.
    """
    run([SYSTEM, "-m", "venv", "--without-pip", "--symlinks", folder], timeout=120)
    _add_ipykernel(Python(version, folder), folder / "lib" / f"python{version}" / "site-packages")
    return Python(version, folder)


def make_previous_python(folder: Path, entry: dict[str, Any], codename: str) -> Python:
    """Unpack the Python of the distribution's previous release, and add ipykernel. Raises Problem
    if one of these steps fails.

    The distribution's packages of this Python are only unpacked into `folder`, and not installed.
    """
    with tempfile.TemporaryDirectory(prefix="sitekit-apt-") as scratch:
        for package in _download(
            Path(scratch), entry["release"], entry["packages"], mirror(codename)
        ):
            run(["dpkg-deb", "-x", package, folder], timeout=120)
    version = entry["python"]
    (folder / "bin").mkdir()
    for name in ("python", "python3", f"python{version}"):
        (folder / "bin" / name).symlink_to(f"../usr/bin/python{version}")
    # Only libraries that are missing on the machine were downloaded. The dynamic linker finds all
    # other libraries, such as libc, in the machine's usual directories.
    libraries = next(iter(sorted(folder.glob("usr/lib/*-linux-gnu*"))), None)
    python = Python(version, folder, libraries)
    _add_ipykernel(python, folder / "usr" / "lib" / "python3" / "dist-packages")
    return python


def mirror(codename: str) -> str:
    """Return the URL of this machine's apt source for the component main of `codename`."""
    targets = run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(SITE)|$(RELEASE)|$(COMPONENT)",
            "Created-By: Packages",
        ],
        env=QUIET,
    )
    for line in targets.stdout.splitlines():
        site, release, component = line.split("|")
        if (release, component) == (codename, "main"):
            return site
    raise Problem(
        f"apt knows no source of {codename} main",
        "/etc/apt/sources.list.d",
        "add one, then run `apt-get update`",
    )


def _download(scratch: Path, release: str, packages: Sequence[str], site: str) -> list[Path]:
    """Download packages of another release of the distribution. Return the paths of the files.

    apt-get uses package lists and a cache in the folder `scratch`. The machine's own lists and
    cache are not used and not changed.
    """
    keyring = next(path for path in _KEYRINGS if path.exists())
    (scratch / "sources.list").write_text(f"deb [signed-by={keyring}] {site} {release} main\n")
    (scratch / "lists" / "partial").mkdir(parents=True)
    (scratch / "cache" / "archives" / "partial").mkdir(parents=True)
    private = {
        "Dir::Etc::sourcelist": scratch / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": scratch / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": scratch / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = [*APT, *(word for key, value in private.items() for word in ("-o", f"{key}={value}"))]
    run([*apt, "update"], env=QUIET, timeout=300)
    run([*apt, "download", *packages], env=QUIET, timeout=300, cwd=scratch)
    return sorted(scratch.glob("*.deb"))


_KEYRINGS = tuple(
    Path("/usr/share/keyrings") / f"{name}-archive-keyring.gpg" for name in ("debian", "ubuntu")
)


def pins_for(text: str, version: str) -> str:
    """Return the pinned requirements for Python `version`, without their environment markers.

    `text` is the content of a requirements file.

    pip evaluates environment markers for the Python that runs pip, even if --python-version names
    another version. Therefore this function evaluates the markers for Python `version`, and removes
    them.
    """
    machine = {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": "linux",
        "implementation_name": "cpython",
    }
    kept = []
    for block in re.split(r"\n(?=\S)", text.strip()):
        line, _, hashes = block.partition(" \\\n")
        if line.startswith("#"):
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(machine):
            kept.append(f"{requirement.name}{requirement.specifier} \\\n{hashes}")
    return "\n".join(kept) + "\n"


def _add_ipykernel(python: Python, place: Path) -> None:
    """Install pinned wheels of ipykernel and its dependencies into `place`, and compile them to
    bytecode.

    Without the bytecode, the first start of each kernel would have to compile the modules.
    """
    with tempfile.TemporaryDirectory(prefix="sitekit-pins-") as scratch:
        pins = Path(scratch) / "requirements.txt"
        pins.write_text(pins_for(PINS.read_text(), python.version))
        run(
            [
                sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
                "--require-hashes", "--no-deps", "--only-binary=:all:", f"--python-version={python.version}",
                "--target", place, "--upgrade", "-r", pins,
            ],
            timeout=600,
        )  # fmt: skip
    shutil.rmtree(place / "bin", ignore_errors=True)
    loader = {"LD_LIBRARY_PATH": str(python.libraries)} if python.libraries else {}
    run(
        [python.program, "-I", "-m", "compileall", "-q", python.folder],
        env=QUIET | loader,
        timeout=600,
        check=False,
    )
    run([python.program, "-I", "-m", "ipykernel", "--version"], env=QUIET | loader)
