"""Create, publish and remove generations. A generation is a folder with all kernels of one run of
`make kernels`: kernel specs, the launch program, and the tombstone (the kernel that shows why
another kernel cannot start).

PREFIX/kernels/current -> generations/<id>: the published generation, a folder for JUPYTER_PATH.
PREFIX/kernels/launch -> current/launch: the path of the launch program in every kernel.json. This
path is the same for all generations.

PREFIX/kernels/generations/<id>/ contains launch, *.py, generation.json, site.json and kernels.yml.
The generation's folder kernels/<name>/ contains kernel.json, launch.json and logo-*. A hidden
kernel has hidden.json in place of kernel.json.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from ...base.data_files import data
from ...base.errors import Problem
from ...base.files import switch_link, write_atomic
from ...base.run_program import run
from ...site import Site
from .files_beside_launch_program import BESIDE
from .find_logos import logo_files
from .generation_record import MARK, Record, read_record, write_record
from .kernel_record import Kernel

KEPT = 3
RULES = "kernels.yml"
"""The name of the copy of kernels.yml in a generation."""
SPEC, HIDDEN = "kernel.json", "hidden.json"
FLAG = " (fails its test)"
Showing = Literal["offer", "flag", "hide"]
_WRITER = Path(__file__).with_name("write_specs.py")


def root(site: Site) -> Path:
    """Return the folder of all generations, PREFIX/kernels."""
    return site.kernels_current.parent


@contextmanager
def lock(site: Site) -> Iterator[None]:
    """Hold a lock during the `with` block. Therefore only one `make kernels` can run at a time.
    Raises Problem if another `make kernels` runs."""
    folder = root(site) / "generations"
    folder.mkdir(parents=True, exist_ok=True)
    with open(root(site) / ".lock", "w", opener=_closed) as file:
        os.fchmod(
            file.fileno(), 0o600
        )  # no other account is allowed to open this file, because it could then hold the lock
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(
                "another `make kernels` is under way",
                str(root(site)),
                "wait for it, then run this again",
            ) from None
        yield


def _closed(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def current(site: Site) -> Path | None:
    """Return the published generation (the folder with the kernels that users see). If none is
    published, return None."""
    return site.kernels_current.resolve() if site.kernels_current.exists() else None


def spec_file(generation: Path, name: str) -> Path:
    """Return the path of a kernel's spec.

    The spec is in kernel.json. The spec of a hidden kernel is in hidden.json, which Jupyter does
    not read.
    """
    hidden = generation / "kernels" / name / HIDDEN
    return hidden if hidden.exists() else hidden.with_name(SPEC)


def has_kernel_files(generation: Path | None, kernel: Kernel) -> bool:
    """Return whether the generation still contains the files of this kernel."""
    spec = generation and spec_file(generation, kernel.id)
    return bool(spec and spec.exists() and spec.with_name("launch.json").exists())


def begin(site: Site) -> Path:
    """Create a new, empty generation (a folder for kernels), marked as unfinished.

    The next run of `make kernels` removes the unfinished generation of an interrupted run.
    """
    python = site.current / "bin" / "python"
    first = f"#!{python} -I\n"
    if (
        len(first) > 127
    ):  # Linux allows 127 characters in the first line of a script (BINPRM_BUF_SIZE)
        what = f"{python} is too long for the first line of a program"
        raise Problem(what, "site.yml: paths.prefix", "choose a shorter prefix")
    folder = _fresh(site)
    (folder / "kernels").mkdir(parents=True)
    write_record(folder, Record())
    write_atomic(folder / "launch", first + data("kernels/launch.py").read_text(), 0o755)
    for name in BESIDE:
        write_atomic(folder / name, data(f"kernels/{name}").read_text())
    return folder


def copy(site: Site, old: Path) -> Path:
    """Create a generation as a copy of `old`, marked as unfinished."""
    folder = _fresh(site)
    folder.mkdir()
    write_record(folder, Record())
    shutil.copytree(old, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MARK))
    return folder


def _fresh(site: Site) -> Path:
    return root(site) / "generations" / datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")


@contextmanager
def under_way(site: Site, new: Path) -> Iterator[None]:
    """Run the `with` block, which makes the new generation `new`. After the `with` block, remove
    old generations. If the `with` block has not published the new generation, remove the new
    generation too."""
    try:
        yield
    finally:
        if current(site) != new.resolve():
            shutil.rmtree(new)
        remove_old_generations(site)


def write_specs(
    site: Site, generation: Path, kernels: list[Kernel], named: str = ""
) -> dict[str, str]:
    """Write the specs of `kernels` into the generation, with envkernel.

    The release's Python runs envkernel, because envkernel is installed in the release. A spec
    calls the launch program with the kernel's id as an argument. If `named` is set, the argument is
    `named` instead. The function returns the kernels whose specs could not be written, as a map
    of kernel ids to reasons.
    """
    if not kernels:
        return {}
    staging = generation / "staging"
    staging.mkdir()
    entries = []
    for kernel in kernels:
        instructions = staging / f"{kernel.id}.json"
        instructions.write_text(json.dumps(kernel.launch, indent=1, sort_keys=True) + "\n")
        entries.append({
            "id": kernel.id,
            "title": kernel.shown,
            "language": kernel.language,
            "envkernel": kernel.envkernel,
            "argv": [str(root(site) / "launch"), named or kernel.id, "-f", "{connection_file}"],
            "spec": kernel.spec,
            "files": {"launch.json": str(instructions)} | {file.name: str(file) for file in logo_files(kernel.logo)},
        })  # fmt: skip
    request = json.dumps({"prefix": str(staging), "kernels": entries})
    done = run(
        [site.current / "bin" / "python", "-I", _WRITER], stdin=request, timeout=60 + len(kernels)
    )
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"id"')]
    for result in results:
        if "error" not in result:
            (staging / "share" / "jupyter" / "kernels" / result["id"]).rename(
                generation / "kernels" / result["id"]
            )
    shutil.rmtree(staging)
    return {result["id"]: result["error"] for result in results if "error" in result}


def carry_over(old: Path, generation: Path, kernels: Iterable[Kernel]) -> None:
    """Copy the specs of unchanged kernels from the previous generation `old`."""
    for kernel in kernels:
        shutil.copytree(old / "kernels" / kernel.id, generation / "kernels" / kernel.id)


def drop(generation: Path, names: Iterable[str]) -> None:
    """Remove the kernels with these ids from the generation."""
    for name in names:
        # the folder is missing if the kernel could not be written
        shutil.rmtree(generation / "kernels" / name, ignore_errors=True)


def showing(generation: Path, name: str) -> Showing:
    """Return how JupyterLab's launcher shows the kernel: normally, hidden, or with a warning."""
    spec = spec_file(generation, name)
    if spec.name == HIDDEN:
        return "hide"
    return "flag" if json.loads(spec.read_text())["display_name"].endswith(FLAG) else "offer"


def show(generation: Path, kernel: Kernel, how: Showing) -> None:
    """Set how JupyterLab's launcher shows the kernel: normally, hidden, or with a warning."""
    now = spec_file(generation, kernel.id)
    then = now.with_name(HIDDEN if how == "hide" else SPEC)
    spec = json.loads(now.read_text())
    spec["display_name"] = kernel.shown + (FLAG if how == "flag" else "")
    write_atomic(then, json.dumps(spec, indent=1, sort_keys=True))
    if now != then:
        now.unlink()


def fix_modes(generation: Path) -> None:
    """Set the file modes of the generation: everybody can read, and only the owner can write.

    The resulting file modes do not depend on the umask or on the modes of copied files. The
    function also writes the files to disk (fsync).
    """
    for folder, _, files in os.walk(generation):
        os.chmod(folder, 0o755)  # noqa: S103
        for name in files:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if name == "launch" else 0o644)
            if name.endswith(".json"):
                with open(path, "rb") as file:
                    os.fsync(file.fileno())


def publish(site: Site, generation: Path) -> None:
    """Publish this generation: make the symbolic link that users' servers read point to the
    generation.

    The symbolic link to the published generation is replaced in one step. Therefore a program that
    reads the kernels gets either all old kernels or all new kernels.
    """
    switch_link(site.kernels_current, f"generations/{generation.name}")
    launch = root(site) / "launch"
    if not (launch.is_symlink() and os.readlink(launch) == "current/launch"):
        switch_link(launch, "current/launch")


def remove_old_generations(site: Site) -> list[str]:
    """Remove old generations that sitekit made, and return their names.

    This function keeps the newest few generations and the published generation.
    """
    used = current(site)
    ours = {
        folder: record
        for folder in sorted((root(site) / "generations").iterdir())
        if (record := read_record(folder)) and folder.resolve() != used
    }
    complete = [folder for folder, record in ours.items() if record.complete]
    gone = [folder for folder in ours if folder not in complete[-(KEPT - 1) :]]
    for folder in gone:
        shutil.rmtree(folder)
    return [folder.name for folder in gone]
