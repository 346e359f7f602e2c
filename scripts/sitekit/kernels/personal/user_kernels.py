"""Create, list, check and remove a user's own kernels, in the user's home.

The user's kernels are in HOME/.local/share/jupyter/kernels/my-<name>/{kernel.json, launch.json,
logo-*, own.json}. Users' kernels are tested like the site's kernels. The site's launch program also
starts users' kernels. Therefore a user's kernel shows a message if the kernel's software no longer
exists.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ...base.errors import BadInput, Problem
from ...site import Site
from ..discovery.list_candidates import Candidate
from ..discovery.rules import Rules
from ..generations import generation
from ..generations.kernel_record import Kernel
from ..trials.probe_candidates import Failure, probe
from ..trials.try_kernels import Trial, start_and_compare
from .check_source import PREFIX

MARK = "own.json"


@dataclass(frozen=True)
class Own:
    """Hold one kernel of the user: its folder, its title, the arguments of `sitekit-kernel add`,
    and its data.

    `kernel` is None if another version of sitekit made the kernel.
    """

    folder: Path
    title: str
    words: list[str]
    kernel: Kernel | None

    @property
    def detail(self) -> str:
        return self.kernel.detail if self.kernel else "made by another sitekit"


def folder_of(home: Path) -> Path:
    """Return the folder in which Jupyter searches for the user's kernels."""
    return home / ".local" / "share" / "jupyter" / "kernels"


def all_of(home: Path) -> list[Own]:
    """Return the kernels that the user has made with sitekit-kernel."""
    return [
        own for file in sorted(folder_of(home).glob(f"{PREFIX}*/{MARK}")) if (own := _read(file))
    ]


def _read(file: Path) -> Own | None:
    try:
        content = json.loads(file.read_text())
        title, words, kernel = content["title"], content["words"], content["kernel"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    try:
        return Own(file.parent, title, words, Kernel(**kernel))
    # the file was written by another version of sitekit, whose class Kernel has other fields
    except TypeError:
        return Own(file.parent, title, words, None)


def find(home: Path, name: str) -> Own:
    """Return the user's kernel with this title or folder name. If there is no such kernel, raise
    BadInput with a list of the user's kernels."""
    there = all_of(home)
    for own in there:
        if name in (own.title, own.folder.name):
            return own
    known = ", ".join(f"'{own.title}'" for own in there)
    remedy = f"name one of: {known}" if known else "`sitekit-kernel add` makes one"
    raise BadInput(f"you have no kernel '{name}'", str(folder_of(home)), remedy)


def add(site: Site, rules: Rules, home: Path, wanted: Candidate, words: list[str]) -> Own:
    """Make the kernel, test it in a clean and in a hostile environment, and install it in the
    user's home.

    Raises BadInput if the name is not allowed, or Problem if the kernel does not work. After an
    error, no files of the kernel are left.
    """
    title, name = wanted.module.full, wanted.id
    _refuse_taken(site, home, title, name)
    found = probe(site, rules, wanted, None)
    if isinstance(found, Failure):
        raise Problem(
            f"'{title}' cannot become a kernel: {found.reason}", remedy=_cure(found.reason, wanted)
        )
    repair = f"see `sitekit-kernel check {name}` in a terminal, or `sitekit-kernel remove {name}`"
    kernel = replace(found, launch={**found.launch, "remedy": repair})
    with _scratch(site) as place:
        if fault := generation.write_specs(
            site, place, [kernel], named="{resource_dir}/launch.json"
        ):
            raise Problem(
                f"'{title}' cannot be written: {fault[name]}", remedy="choose another --name"
            )
        _prove(site, rules, place, kernel)
        content = {"title": title, "words": words, "kernel": asdict(kernel)}
        (place / "kernels" / name / MARK).write_text(json.dumps(content, indent=1) + "\n")
        _put(place / "kernels" / name, folder_of(home) / name)
    return Own(folder_of(home) / name, title, words, kernel)


def _put(made: Path, folder: Path) -> None:
    """Copy the kernel to the user's kernel folder. If the copy fails, no part of the kernel remains
    in the user's home. Raises Problem."""
    there = folder.parent.exists()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # The kernel is first copied to a folder beside the user's other kernels. Jupyter finds no
        # kernel in a folder whose name begins with `~`.
        with tempfile.TemporaryDirectory(prefix="~", dir=folder.parent) as aside:
            whole = shutil.copytree(made, Path(aside) / folder.name)
            whole.rename(folder)
    except OSError as error:
        if not there:
            with contextlib.suppress(OSError):
                folder.parent.rmdir()
        # shutil.copytree raises one Error that contains a list of errors
        why = error.strerror or "; ".join(sorted({str(fault[-1]) for fault in error.args[0]}))
        raise Problem(
            f"the kernel cannot be written: {why}",
            str(folder),
            "free some space there, then try again",
        ) from None


def check(site: Site, rules: Rules, own: Own) -> None:
    """Start the kernel again, in a clean and in a hostile environment. Raises Problem if the kernel
    fails, or if another version of sitekit made the kernel."""
    if own.kernel is None:
        again = f"remove it, and make it again: sitekit-kernel add {shlex.join(own.words)}"
        raise Problem(
            f"'{own.title}' was made by another version of sitekit", str(own.folder), again
        )
    with _scratch(site) as place:
        (place / "kernels" / own.folder.name).symlink_to(own.folder)
        _prove(site, rules, place, own.kernel)


def remove(own: Own) -> None:
    """Remove the folder of the user's kernel."""
    shutil.rmtree(own.folder)


def _refuse_taken(site: Site, home: Path, title: str, name: str) -> None:
    """Raise BadInput if the user or the site has a kernel of this name."""
    if (folder_of(home) / name).exists():
        raise BadInput(
            f"you have a kernel '{title}' already", str(folder_of(home) / name), "remove it first"
        )
    for spec in site.kernels_current.glob("kernels/*/*.json"):
        shown = json.loads(spec.read_text()).get("display_name")
        if spec.parent.name == name or (shown and shown.casefold() == title.casefold()):
            raise BadInput(
                f"'{title}' is a kernel of this site",
                remedy="choose another --name: yours must not hide it",
            )


def _cure(reason: str, wanted: Candidate) -> str:
    """Return advice for the user if the first test of a kernel failed because of `reason`."""
    if "IRkernel" in reason:
        return "install it with that R: install.packages('IRkernel')"
    if "ipykernel" in reason:
        return f"install it: {wanted.rule.bin / 'python' if wanted.rule.bin else 'python'} -m pip install ipykernel"
    return (
        "repair that, or name another"
        if wanted.rule.place
        else "`module avail` shows what there is"
    )


@contextmanager
def _scratch(site: Site) -> Iterator[Path]:
    """Create a temporary generation (a folder for kernels) with the site's launch program, for the
    test."""
    with tempfile.TemporaryDirectory(prefix="sitekit-kernel-") as name:
        place = Path(name)
        (place / "kernels").mkdir()
        (place / "launch").symlink_to(generation.root(site) / "launch")
        yield place


def _prove(site: Site, rules: Rules, place: Path, kernel: Kernel) -> None:
    """Start the kernel in a clean and in a hostile environment. Raises Problem if the kernel fails."""
    failed = start_and_compare(site, place, [kernel], Trial(None, rules.start_timeout))
    if failed:
        shown = kernel.launch["title"]
        raise Problem(
            f"'{shown}' does not work {failed[kernel.id]}", remedy="repair that, then try again"
        )
