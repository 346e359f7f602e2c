"""Generations of kernels: folders of launcher, tombstone and specs that belong together; one link
offers one of them.

PREFIX/kernels/current       -> generations/<id>; a folder for JUPYTER_PATH PREFIX/kernels/launch
-> current/launch; the path in every kernel.json, so that no generation is named there
PREFIX/kernels/generations/<id>/{launch, *.py, generation.json, site.json, kernels.yml}
PREFIX/kernels/generations/<id>/kernels/<name>/{kernel.json, launch.json, logo-*}; a hidden one has
a hidden.json
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
"""The kernels.yml that a generation was made by."""
SPEC, HIDDEN = "kernel.json", "hidden.json"
FLAG = " (fails its test)"
Showing = Literal["offer", "flag", "hide"]
_WRITER = Path(__file__).with_name("write_specs.py")


def root(site: Site) -> Path:
    return site.kernels_current.parent


@contextmanager
def lock(site: Site) -> Iterator[None]:
    """One `make kernels` at a time. Raises Problem if another is under way."""
    folder = root(site) / "generations"
    folder.mkdir(parents=True, exist_ok=True)
    with open(root(site) / ".lock", "w", opener=_closed) as file:
        os.fchmod(file.fileno(), 0o600)  # who may only open it could hold the lock
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
    """The generation that is offered now."""
    return site.kernels_current.resolve() if site.kernels_current.exists() else None


def spec_file(generation: Path, name: str) -> Path:
    """The spec of a kernel: kernel.json, or a name that Jupyter does not look for while the kernel
    is hidden."""
    hidden = generation / "kernels" / name / HIDDEN
    return hidden if hidden.exists() else hidden.with_name(SPEC)


def holds(generation: Path | None, kernel: Kernel) -> bool:
    """Whether the kernel's files are still there."""
    spec = generation and spec_file(generation, kernel.id)
    return bool(spec and spec.exists() and spec.with_name("launch.json").exists())


def begin(site: Site) -> Path:
    """A new, empty generation, marked as ours and unfinished: if we are interrupted, the next run
    removes it."""
    python = site.current / "bin" / "python"
    first = f"#!{python} -I\n"
    if len(first) > 127:  # the kernel's limit for the first line of a program, BINPRM_BUF_SIZE
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
    """A new generation that is like `old`, launcher and all; unfinished, like the one that `begin`
    makes."""
    folder = _fresh(site)
    folder.mkdir()
    write_record(folder, Record())
    shutil.copytree(old, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MARK))
    return folder


def _fresh(site: Site) -> Path:
    return root(site) / "generations" / datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")


@contextmanager
def under_way(site: Site, new: Path) -> Iterator[None]:
    """However the block ends: what it did not publish goes, and so do our oldest generations."""
    try:
        yield
    finally:
        if current(site) != new.resolve():
            shutil.rmtree(new)
        prune(site)


def write_specs(
    site: Site, generation: Path, kernels: list[Kernel], named: str = ""
) -> dict[str, str]:
    """Let envkernel write the specs of `kernels` into the generation; it is the release's, so its
    Python runs it.

    `named` is what the launcher is told in place of a kernel's id. Returns why some could not be
    written, by id.
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
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"id"')]
    for result in told:
        if "error" not in result:
            (staging / "share" / "jupyter" / "kernels" / result["id"]).rename(
                generation / "kernels" / result["id"]
            )
    shutil.rmtree(staging)
    return {result["id"]: result["error"] for result in told if "error" in result}


def carry_over(old: Path, generation: Path, kernels: Iterable[Kernel]) -> None:
    """Copy the specs of kernels that stay as they are."""
    for kernel in kernels:
        shutil.copytree(old / "kernels" / kernel.id, generation / "kernels" / kernel.id)


def drop(generation: Path, names: Iterable[str]) -> None:
    for name in names:
        # one that could not be written is not there
        shutil.rmtree(generation / "kernels" / name, ignore_errors=True)


def showing(generation: Path, name: str) -> Showing:
    """How the launcher shows the kernel."""
    spec = spec_file(generation, name)
    if spec.name == HIDDEN:
        return "hide"
    return "flag" if json.loads(spec.read_text())["display_name"].endswith(FLAG) else "offer"


def show(generation: Path, kernel: Kernel, how: Showing) -> None:
    """Have the launcher show the kernel so."""
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
    """Everybody may read it and only its owner write, whatever the umask and the modes copied; and
    it is on disk."""
    for folder, _, files in os.walk(generation):
        os.chmod(folder, 0o755)  # noqa: S103
        for name in files:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if name == "launch" else 0o644)
            if name.endswith(".json"):
                with open(path, "rb") as file:
                    os.fsync(file.fileno())


def publish(site: Site, generation: Path) -> None:
    """Offer this generation: one link changes, and whoever reads sees all of the old or all of the
    new."""
    switch_link(site.kernels_current, f"generations/{generation.name}")
    launch = root(site) / "launch"
    if not (launch.is_symlink() and os.readlink(launch) == "current/launch"):
        switch_link(launch, "current/launch")


def prune(site: Site) -> list[str]:
    """Remove our own generations, all but the newest few and the one in use. Returns their names."""
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
