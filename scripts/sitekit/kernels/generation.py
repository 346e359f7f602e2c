"""Generations of kernels: folders of launcher, tombstone and specs that belong together; one link offers one of them.

PREFIX/kernels/current       -> generations/<id>; a folder for JUPYTER_PATH
PREFIX/kernels/launch        -> current/launch; the path in every kernel.json, so that no generation is named there
PREFIX/kernels/generations/<id>/{launch, tombstone.py, generation.json}
PREFIX/kernels/generations/<id>/kernels/<name>/{kernel.json, launch.json, logo-*}
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..command import run
from ..data import data
from ..errors import Problem
from ..files import switch_link, write_atomic
from ..site import Site
from .kernel import Kernel, from_record
from .logos import logo_files

# Records written by a sitekit whose Kernel was another are not read; its kernels are then proven afresh.
FORMAT = " ".join(field.name for field in fields(Kernel))
_MAKER = "sitekit make kernels"
KEPT = 3
_MARK = "generation.json"
_INSIDE = Path(__file__).parent / "inside"


def root(site: Site) -> Path:
    return site.kernels_current.parent


@contextmanager
def lock(site: Site) -> Iterator[None]:
    """One `make kernels` at a time. Raises Problem if another is under way."""
    folder = root(site) / "generations"
    folder.mkdir(parents=True, exist_ok=True)
    with open(root(site) / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(
                "another `make kernels` is under way", str(root(site)), "wait for it, then run this again"
            ) from None
        yield


def read_record(generation: Path) -> dict[str, Any]:
    """What generation.json says; empty for a folder that is not ours."""
    try:
        record = json.loads((generation / _MARK).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) and record.get("made_by") == _MAKER else {}


def read_kernels(record: dict[str, Any]) -> dict[str, Kernel]:
    told = record["kernels"] if record.get("format") == FORMAT else []
    return {kernel.id: kernel for kernel in map(from_record, told)}


def current(site: Site) -> Path | None:
    """The generation that is offered now."""
    return site.kernels_current.resolve() if site.kernels_current.exists() else None


def holds(generation: Path | None, kernel: Kernel) -> bool:
    """Whether the kernel's files are still there."""
    folder = generation and generation / "kernels" / kernel.id
    return bool(folder and (folder / "kernel.json").exists() and (folder / "launch.json").exists())


def begin(site: Site) -> Path:
    """A new, empty generation, marked as ours and unfinished: if we are interrupted, the next run removes it."""
    python = site.current / "bin" / "python"
    first = f"#!{python} -I\n"
    if len(first) > 127:  # the kernel's limit for the first line of a program, BINPRM_BUF_SIZE
        what = f"{python} is too long for the first line of a program"
        raise Problem(what, "site.yml: paths.prefix", "choose a shorter prefix")
    name = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    folder = root(site) / "generations" / name
    (folder / "kernels").mkdir(parents=True)
    write_record(folder, [], {}, complete=False)
    write_atomic(folder / "launch", first + data("kernels/launch.py").read_text(), 0o755)
    write_atomic(folder / "tombstone.py", data("kernels/tombstone.py").read_text())
    return folder


def write_record(folder: Path, kernels: Iterable[Kernel], quiet: dict[str, Any], complete: bool) -> None:
    """The marker: `kernels` as proven; `quiet`: what was probed and has no kernel in it, so that nobody asks again."""
    record = {
        "made_by": _MAKER,
        "format": FORMAT,
        "complete": complete,
        "kernels": [kernel.record() for kernel in kernels],
        "quiet": quiet,
    }
    write_atomic(folder / _MARK, json.dumps(record, indent=1) + "\n")


def write_specs(site: Site, generation: Path, kernels: list[Kernel]) -> None:
    """Let envkernel write the specs of `kernels` into the generation; it is the release's, so its Python runs it."""
    if not kernels:
        return
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
            "modules": kernel.launch["modules"],
            "argv": [str(root(site) / "launch"), kernel.id, "-f", "{connection_file}"],
            "spec": kernel.spec,
            "files": {"launch.json": str(instructions)} | {file.name: str(file) for file in logo_files(kernel.logo)},
        })  # fmt: skip
    order = json.dumps({"prefix": str(staging), "kernels": orders})
    run([site.current / "bin" / "python", "-I", _INSIDE / "write_specs.py"], stdin=order, timeout=60 + len(kernels))
    for folder in (staging / "share" / "jupyter" / "kernels").iterdir():
        folder.rename(generation / "kernels" / folder.name)
    shutil.rmtree(staging)


def carry_over(old: Path, generation: Path, kernels: Iterable[Kernel]) -> None:
    """Copy the specs of kernels that stay as they are."""
    for kernel in kernels:
        shutil.copytree(old / "kernels" / kernel.id, generation / "kernels" / kernel.id)


def drop(generation: Path, names: Iterable[str]) -> None:
    for name in names:
        shutil.rmtree(generation / "kernels" / name)


def settle(generation: Path) -> None:
    """Everybody may read it and only its owner write, whatever the umask and the modes copied; and it is on disk."""
    for folder, _, files in os.walk(generation):
        os.chmod(folder, 0o755)  # noqa: S103
        for name in files:
            path = os.path.join(folder, name)
            os.chmod(path, 0o755 if name == "launch" else 0o644)
            if name.endswith(".json"):
                with open(path, "rb") as file:
                    os.fsync(file.fileno())


def publish(site: Site, generation: Path) -> None:
    """Offer this generation: one link changes, and whoever reads sees all of the old or all of the new."""
    switch_link(site.kernels_current, f"generations/{generation.name}")
    launch = root(site) / "launch"
    if not (launch.is_symlink() and os.readlink(launch) == "current/launch"):
        switch_link(launch, "current/launch")


def prune(site: Site) -> list[str]:
    """Remove our own generations, all but the newest few and the one in use. Returns their names."""
    used = current(site)
    ours = [
        folder
        for folder in sorted((root(site) / "generations").iterdir())
        if read_record(folder) and folder.resolve() != used
    ]
    complete = [folder for folder in ours if read_record(folder)["complete"]]
    gone = [folder for folder in ours if folder not in complete[-(KEPT - 1) :]]
    for folder in gone:
        shutil.rmtree(folder)
    return [folder.name for folder in gone]
