"""Create, publish and remove generations of kernels.

A generation is a folder with a launcher, a tombstone and the kernel specs that belong to them. The
symbolic link `current` points to the generation that JupyterLab offers. These files exist:

PREFIX/kernels/current -> generations/<id>
    JUPYTER_PATH contains this link.
PREFIX/kernels/launch -> current/launch
    Every kernel.json starts this path, so that no kernel.json depends on the name of a generation.
PREFIX/kernels/generations/<id>/{launch, *.py, generation.json, site.json, kernels.yml}
PREFIX/kernels/generations/<id>/kernels/<name>/{kernel.json, launch.json, logo-*}
    A hidden kernel has a hidden.json in place of its kernel.json.
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

from ...base.command import run
from ...base.data import data
from ...base.errors import Problem
from ...base.files import switch_link, write_atomic
from ...site import Site
from .kernel import Kernel
from .logos import logo_files
from .record import MARK, Record, read_record, write_record

KEPT = 3
RULES = "kernels.yml"
"""The name of the copy of kernels.yml from which a generation was made."""
SPEC, HIDDEN = "kernel.json", "hidden.json"
FLAG = " (fails its test)"
Showing = Literal["offer", "flag", "hide"]
_WRITER = Path(__file__).with_name("write_specs.py")


def root(site: Site) -> Path:
    """Return the folder of the published kernels, PREFIX/kernels."""
    return site.kernels_current.parent


@contextmanager
def lock(site: Site) -> Iterator[None]:
    """Hold a lock, so that only one `make kernels` runs at a time.

    Raises Problem if another one is running.
    """
    folder = root(site) / "generations"
    folder.mkdir(parents=True, exist_ok=True)
    with open(root(site) / ".lock", "w", opener=_closed) as file:
        # Any account that can open the file could hold the lock, so only the owner may.
        os.fchmod(file.fileno(), 0o600)
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
    """Open the lock file for its owner only, and refuse a symbolic link."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def current(site: Site) -> Path | None:
    """Return the folder of the generation that is published now, None if there is none."""
    return site.kernels_current.resolve() if site.kernels_current.exists() else None


def spec_file(generation: Path, name: str) -> Path:
    """Return the path of a kernel's spec.

    The file is kernel.json. While the kernel is hidden, the file is hidden.json, which Jupyter does
    not look for.
    """
    hidden = generation / "kernels" / name / HIDDEN
    return hidden if hidden.exists() else hidden.with_name(SPEC)


def holds(generation: Path | None, kernel: Kernel) -> bool:
    """Return whether the kernel's files still exist in the generation."""
    spec = generation and spec_file(generation, kernel.id)
    return bool(spec and spec.exists() and spec.with_name("launch.json").exists())


def begin(site: Site) -> Path:
    """Create a new generation without kernels, and return its folder.

    Its record marks it as made by sitekit and unfinished. If this run is interrupted, the next run
    removes the folder. Raises Problem if the prefix is too long for the launcher's first line.
    """
    python = site.current / "bin" / "python"
    first = f"#!{python} -I\n"
    # Linux reads 127 bytes of a program's first line (BINPRM_BUF_SIZE).
    if len(first) > 127:
        what = f"{python} is too long for the first line of a program"
        raise Problem(what, "site.yml: paths.prefix", "choose a shorter prefix")
    folder = _fresh(site)
    (folder / "kernels").mkdir(parents=True)
    write_record(folder, Record())
    write_atomic(folder / "launch", first + data("kernels/launch.py").read_text(), 0o755)
    for name in ("tombstone.py", "lmod_output.py", "by_socket.py"):
        write_atomic(folder / name, data(f"kernels/{name}").read_text())
    return folder


def copy(site: Site, old: Path) -> Path:
    """Create a copy of the generation `old`, marked as unfinished, and return its folder."""
    folder = _fresh(site)
    folder.mkdir()
    write_record(folder, Record())
    shutil.copytree(old, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MARK))
    return folder


def _fresh(site: Site) -> Path:
    """Return the path of a new generation, named by the time in UTC."""
    return root(site) / "generations" / datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")


@contextmanager
def under_way(site: Site, new: Path) -> Iterator[None]:
    """Clean up after the block that makes the generation `new`, also if the block fails.

    Removes `new` if the block did not publish it. Then removes the oldest generations.
    """
    try:
        yield
    finally:
        if current(site) != new.resolve():
            shutil.rmtree(new)
        prune(site)


def write_specs(
    site: Site, generation: Path, kernels: list[Kernel], named: str = ""
) -> dict[str, str]:
    """Write the kernel specs of `kernels` into the generation, with envkernel.

    The release's Python runs envkernel, because envkernel is installed in the release. If `named`
    is given, it replaces the kernel's id as the argument of the launcher. Returns the reason, by
    id, for each kernel that could not be written.
    """
    if not kernels:
        return {}
    staging = generation / "staging"
    staging.mkdir()
    orders = []
    for kernel in kernels:
        instructions = staging / f"{kernel.id}.json"
        instructions.write_text(json.dumps(kernel.launch, indent=1, sort_keys=True) + "\n")
        orders.append({
            "id": kernel.id,
            "title": kernel.shown,
            "language": kernel.language,
            "envkernel": kernel.envkernel,
            "argv": [str(root(site) / "launch"), named or kernel.id, "-f", "{connection_file}"],
            "spec": kernel.spec,
            "files": {"launch.json": str(instructions)} | {file.name: str(file) for file in logo_files(kernel.logo)},
        })  # fmt: skip
    order = json.dumps({"prefix": str(staging), "kernels": orders})
    done = run(
        [site.current / "bin" / "python", "-I", _WRITER], stdin=order, timeout=60 + len(kernels)
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
    """Copy the specs of unchanged kernels from the generation `old`."""
    for kernel in kernels:
        shutil.copytree(old / "kernels" / kernel.id, generation / "kernels" / kernel.id)


def drop(generation: Path, names: Iterable[str]) -> None:
    """Remove kernels from a generation."""
    for name in names:
        # A kernel that could not be written has no folder.
        shutil.rmtree(generation / "kernels" / name, ignore_errors=True)


def showing(generation: Path, name: str) -> Showing:
    """Return how JupyterLab's launcher shows the kernel."""
    spec = spec_file(generation, name)
    if spec.name == HIDDEN:
        return "hide"
    return "flag" if json.loads(spec.read_text())["display_name"].endswith(FLAG) else "offer"


def show(generation: Path, kernel: Kernel, how: Showing) -> None:
    """Change the kernel's spec so that JupyterLab offers, flags or hides the kernel."""
    now = spec_file(generation, kernel.id)
    then = now.with_name(HIDDEN if how == "hide" else SPEC)
    spec = {
        **json.loads(now.read_text()),
        "display_name": kernel.shown + (FLAG if how == "flag" else ""),
    }
    write_atomic(then, json.dumps(spec, indent=1, sort_keys=True))
    if now != then:
        now.unlink()


def settle(generation: Path) -> None:
    """Set the modes of a generation's files, and sync its JSON files to disk.

    Everybody may read the files, and only the owner may write. The umask and the modes of copied
    files do not count.
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
    """Publish a generation by changing the symbolic link `current`.

    Because only one link changes, a reader sees either the old generation or the new one.
    """
    switch_link(site.kernels_current, f"generations/{generation.name}")
    launch = root(site) / "launch"
    if not (launch.is_symlink() and os.readlink(launch) == "current/launch"):
        switch_link(launch, "current/launch")


def prune(site: Site) -> list[str]:
    """Remove old generations that sitekit made, and return their names.

    The generation in use and the newest other ones stay, three in all.
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
