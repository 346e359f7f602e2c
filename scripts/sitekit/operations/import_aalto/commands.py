"""Run `make import_aalto`: write site.yml and kernels.yml from an older configuration."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...base.data_files import CHECKOUT
from ...base.errors import BadInput, shown
from ...base.files import write_atomic
from ...base.progress import say
from ...kernels.discovery.convert_envkernel_makefile import convert
from ...kernels.discovery.rules import load_rules
from ...site import load_site
from .read_config import Left, read_config
from .read_text_file import read_text
from .site_file import NewSite, new_site_of, text_of

CONFIG, MAKEFILE = "jupyterhub_config.py", "Makefile"
TO = CHECKOUT / "config" / "imported"
_HEAD = """\
# From an older jupyterhub_config.py, by `make import_aalto`. The comments name the lines.
# config/site.example.yml explains all keys. Next: SITE=this-file make check_site

"""
_NO_KERNELS = (
    "# No Makefile was found. Modules become kernels by the rules of kernels/kernels.yml.\n"
)
_PACKAGES = re.compile(r"^\t.*\b(pip|conda|mamba|npm) +install +(.*)")
_MANY = 100


def import_aalto(*words: str) -> int:
    """Write site.yml and kernels.yml into a new folder. Returns 0. Raises BadInput.

    No part of the older configuration is run. If a file cannot be read, nothing is written.
    """
    given = dict(_pair(word) for word in words)
    if "FROM" not in given:
        raise BadInput("no folder is named", remedy="make import_aalto FROM=path/to/folder")
    source, target = Path(given["FROM"]), Path(given.get("TO", TO)).absolute()
    if target.exists() or target.is_symlink():
        raise BadInput("this exists already", str(target), "move it away, or name another with TO=")
    if not target.parent.is_dir():
        raise BadInput("there is no such folder", str(target.parent), "create it, or change TO=")
    config = read_config(source / CONFIG)
    new = new_site_of(config)
    if not new.values["tiers"]:
        raise BadInput(
            "no profile of ProfilesSpawner and no setting of batchspawner's was found in it",
            str(source / CONFIG),
            "write a site file with `make new_site` instead",
        )
    kernels, left = _kernels(source)
    _write(target, {"site.yml": text_of(new, _HEAD), "kernels.yml": kernels})
    _report(target, new, sorted([*config.left, *left], key=lambda one: (one.file, one.line)))
    _report_others(source)
    return 0


def _pair(word: str) -> tuple[str, str]:
    """Split an argument `NAME=value`."""
    name, _, value = word.partition("=")
    if name not in ("FROM", "TO") or not value:
        raise BadInput(f"{shown(word)} is not FROM=folder or TO=folder", "import_aalto")
    return name, value


def _kernels(source: Path) -> tuple[str, list[Left]]:
    """Return the text of a kernels.yml made from the Makefile, and the lines of the Makefile that
    are not converted."""
    makefile = source / MAKEFILE
    if not makefile.exists() and not makefile.is_symlink():
        return _NO_KERNELS, []
    text = read_text(makefile)
    converted = convert(makefile, text)
    left = [Left(MAKEFILE, line.number, line.text, line.fault) for line in converted.left]
    return converted.text, [*left, *_packages(text)]


def _packages(text: str) -> Iterator[Left]:
    """Yield the lines of a Makefile that install packages. `make import_aalto` does not convert
    these lines, and prints them."""
    why = "see environment.yml; if a package is missing there, add it to config/environment.yml"
    for number, line in enumerate(text.split("\n"), 1):
        if match := _PACKAGES.match(line):
            yield Left(MAKEFILE, number, f"{match[1]} install {match[2]}", why)


def _write(target: Path, files: dict[str, str]) -> None:
    """Write the files into a new folder, after a check of their content. Raises BadInput."""
    draft = Path(tempfile.mkdtemp(prefix=".import-", dir=target.parent))
    try:
        for name, text in files.items():
            write_atomic(draft / name, text)
        load_site(draft / "site.yml")
        load_rules(draft / "kernels.yml")
        draft.chmod(0o755)
        # fails if the folder was created at the same time and has files in it
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _report(target: Path, new: NewSite, left: list[Left]) -> None:
    """Print the written files, the keys that the administrator has to set, and the settings that
    were not converted."""
    say(f" ok wrote {target}/site.yml with {len(new.values['tiers'])} tiers, and kernels.yml")
    say("\nNot in the old configuration; set these keys in site.yml:")
    for key in new.examples:
        say(f"    {key}")
    say("\nNot carried over:" if left else "\nEverything was carried over.")
    for one in left[:_MANY]:
        say(f"    {one.file}:{one.line}: {_one_line(one.what)}\n        {_one_line(one.why)}")
    if len(left) > _MANY:
        say(f"    and {len(left) - _MANY} more lines")


def _report_others(source: Path) -> None:
    """Print the names of all other files in the folder. `make import_aalto` has not read these
    other files."""
    others = sorted(path.name for path in source.iterdir() if path.name not in (CONFIG, MAKEFILE))
    names = [_one_line(name) for name in others if not name.startswith(".")]
    if names:
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        say(f"\nNot read: {', '.join(names[:20])}{more}")


def _one_line(text: str) -> str:
    """Return a text from a foreign file as one short line without control characters."""
    plain = text if text.isprintable() else ascii(text)[1:-1]
    return plain if len(plain) <= 160 else plain[:157] + "..."
