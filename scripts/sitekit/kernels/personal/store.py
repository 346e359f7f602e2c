"""Make, list, test and remove the kernels in a user's home directory.

A user's kernel has the files HOME/.local/share/jupyter/kernels/my-<name>/{kernel.json, launch.json,
logo-*, own.json}. The site's launcher starts the kernel. If the kernel's software is missing, the
launcher starts the tombstone, as it does for a kernel of the site.
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
from ..discovery.candidate import Candidate
from ..discovery.rules import Rules
from ..generations import generation
from ..generations.kernel import Kernel
from ..proof.probe import Failure, probe
from ..proof.prove import Trial, prove
from .source import PREFIX

MARK = "own.json"


@dataclass(frozen=True)
class Own:
    """Describe a user's own kernel.

    `words` holds the arguments of `sitekit-kernel add`. `kernel` is None if another version of
    sitekit made it.
    """

    folder: Path
    title: str
    words: list[str]
    kernel: Kernel | None

    @property
    def detail(self) -> str:
        """Return the versions of the kernel's language and of its kernel package."""
        return self.kernel.detail if self.kernel else "made by another sitekit"


def folder_of(home: Path) -> Path:
    """Return the folder in a home directory in which Jupyter looks for kernels."""
    return home / ".local" / "share" / "jupyter" / "kernels"


def all_of(home: Path) -> list[Own]:
    """Return the kernels that `sitekit-kernel` has made in this home directory."""
    return [
        own for file in sorted(folder_of(home).glob(f"{PREFIX}*/{MARK}")) if (own := _read(file))
    ]


def _read(file: Path) -> Own | None:
    """Return the kernel that own.json describes, None if the file cannot be read."""
    try:
        record = json.loads(file.read_text())
        title, words, kernel = record["title"], record["words"], record["kernel"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    try:
        return Own(file.parent, title, words, Kernel(**kernel))
    except TypeError:  # another version of sitekit wrote the file, with other fields
        return Own(file.parent, title, words, None)


def find(home: Path, name: str) -> Own:
    """Return the user's kernel with this title or with this name of its folder.

    If there is none, raises BadInput with the titles of the user's kernels.
    """
    kernels = all_of(home)
    for own in kernels:
        if name in (own.title, own.folder.name):
            return own
    known = ", ".join(f"'{own.title}'" for own in kernels)
    remedy = f"say one of: {known}" if known else "`sitekit-kernel add` makes one"
    raise BadInput(f"you have no kernel '{name}'", str(folder_of(home)), remedy)


def add(site: Site, rules: Rules, home: Path, wanted: Candidate, words: list[str]) -> Own:
    """Make a kernel, start it in a clean and in a hostile environment, and install it.

    The kernel is installed in the home directory, where Jupyter finds it. Raises BadInput if the
    title is taken. Raises Problem if the kernel does not work. In both cases no file is left
    behind.
    """
    title, name = wanted.module.full, wanted.id
    _refuse_taken(site, home, title, name)
    result = probe(site, rules, wanted, None)
    if isinstance(result, Failure):
        raise Problem(
            f"'{title}' cannot become a kernel: {result.reason}",
            remedy=_cure(result.reason, wanted),
        )
    repair = f"see `sitekit-kernel check {name}` in a terminal, or `sitekit-kernel remove {name}`"
    kernel = replace(result, launch={**result.launch, "remedy": repair})
    with _scratch(site) as place:
        if fault := generation.write_specs(
            site, place, [kernel], named="{resource_dir}/launch.json"
        ):
            raise Problem(
                f"'{title}' cannot be written: {fault[name]}", remedy="choose another --name"
            )
        _prove(site, rules, place, kernel)
        record = {"title": title, "words": words, "kernel": asdict(kernel)}
        (place / "kernels" / name / MARK).write_text(json.dumps(record, indent=1) + "\n")
        _put(place / "kernels" / name, folder_of(home) / name)
    return Own(folder_of(home) / name, title, words, kernel)


def _put(made: Path, folder: Path) -> None:
    """Copy a kernel into its folder, either completely or not at all.

    Raises Problem if the files cannot be written.
    """
    existed = folder.parent.exists()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # The copy is made beside the other kernels, so that it can be renamed. Jupyter ignores a
        # folder whose name begins with `~`.
        with tempfile.TemporaryDirectory(prefix="~", dir=folder.parent) as aside:
            whole = shutil.copytree(made, Path(aside) / folder.name)
            whole.rename(folder)
    except OSError as error:
        if not existed:
            with contextlib.suppress(OSError):
                folder.parent.rmdir()
        # shutil.Error, which copytree raises, has a list of faults and no strerror.
        why = error.strerror or "; ".join(sorted({str(fault[-1]) for fault in error.args[0]}))
        raise Problem(
            f"the kernel cannot be written: {why}", str(folder), "make room there, then try again"
        ) from None


def check(site: Site, rules: Rules, own: Own) -> None:
    """Start a kernel again in a clean and in a hostile environment.

    Raises Problem if the kernel does not work any more.
    """
    if own.kernel is None:
        again = f"remove it, and make it again: sitekit-kernel add {shlex.join(own.words)}"
        raise Problem(
            f"'{own.title}' was made by another version of sitekit", str(own.folder), again
        )
    with _scratch(site) as place:
        (place / "kernels" / own.folder.name).symlink_to(own.folder)
        _prove(site, rules, place, own.kernel)


def remove(own: Own) -> None:
    """Remove the folder of a user's kernel."""
    shutil.rmtree(own.folder)


def _refuse_taken(site: Site, home: Path, title: str, name: str) -> None:
    """Raise BadInput if a kernel of the user or of the site has this title or name."""
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
    """Return what the user can do about a failed probe."""
    if "IRkernel" in reason:
        return "install it with that R: install.packages('IRkernel')"
    if "ipykernel" in reason:
        return f"install it: {wanted.rule.bin / 'python' if wanted.rule.bin else 'python'} -m pip install ipykernel"
    return (
        "mend that, or name another" if wanted.rule.place else "`module avail` shows what there is"
    )


@contextmanager
def _scratch(site: Site) -> Iterator[Path]:
    """Create a temporary generation for the test, with a link to the site's launcher."""
    with tempfile.TemporaryDirectory(prefix="sitekit-kernel-") as name:
        place = Path(name)
        (place / "kernels").mkdir()
        (place / "launch").symlink_to(generation.root(site) / "launch")
        yield place


def _prove(site: Site, rules: Rules, place: Path, kernel: Kernel) -> None:
    """Start the kernel in the temporary generation. Raises Problem if it does not work."""
    failed = prove(site, place, [kernel], Trial(None, rules.start_timeout))
    if failed:
        shown = kernel.launch["title"]
        raise Problem(
            f"'{shown}' does not work {failed[kernel.id]}", remedy="mend that, then try again"
        )
