"""Validate the arguments of `sitekit-kernel add`, and make a candidate from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...base.errors import BadInput, Unfit
from ..discovery.candidate import Candidate, slug
from ..discovery.module_tree import Module
from ..discovery.rules import Rule

PREFIX = "my-"
"""The first characters of the folder of every user's kernel.

The prefix keeps a user's kernel from hiding a kernel of the site.
"""


def candidate(
    home: Path,
    name: str,
    modules: Sequence[str],
    conda: str | None,
    venv: str | None,
    user_site: bool,
) -> Candidate:
    """Return the candidate for a user's kernel.

    The kernel runs the Python or R of `modules`, of an environment, or of an environment that was
    made with the Python of a module. Raises BadInput if an argument is not valid.
    """
    title = _title(name)
    places = {
        "conda": conda and conda_environment(home, conda),
        "virtualenv": venv and virtual_environment(venv),
    }
    source: dict[str, Any] = {kind: place for kind, place in places.items() if place} or {
        "modules": tuple(modules)
    }
    if not any(source.values()):
        raise BadInput(
            "nothing is named that the kernel could run", remedy="say --module, --conda or --venv"
        )
    try:
        loaded = Rule(modules=tuple(modules)).modules if modules else ()
        rule = Rule(**source, name=title.replace("{", "{{").replace("}", "}}"), user_site=user_site)
    except ValidationError as error:
        fault = error.errors()[0].get("ctx", {}).get("error")
        if not isinstance(fault, Unfit):
            raise
        raise BadInput(fault.what, remedy=fault.remedy) from None
    module = Module(title, files=(), roots=(), parents=(), bins=(), hidden=False)
    return Candidate(PREFIX + slug(title), loaded or (), module, rule, None, True)


def _title(name: str) -> str:
    """Return the title without spaces around it. Raises BadInput if it is not usable."""
    title = name.strip()
    if not title.isprintable() or not 0 < len(title) <= 60:
        raise BadInput(
            f"{name!r} is no name for a kernel", remedy="use 1 to 60 ordinary characters"
        )
    if not any(sign.isalnum() and sign.isascii() for sign in title):
        raise BadInput(
            f"'{title}' has no letter a-z and no digit",
            remedy="put one in: the kernel's folder needs it",
        )
    return title


def virtual_environment(path: str) -> Path:
    """Return the folder of a virtual environment. Raises BadInput if it is none."""
    return _environment(
        Path(path), "pyvenv.cfg", "virtual environment (made by python -m venv, virtualenv or uv)"
    )


def conda_environment(home: Path, path_or_name: str) -> Path:
    """Return the folder of a conda environment, which is given by its path or its name.

    Raises BadInput if there is no such environment.
    """
    if "/" in path_or_name:
        return _environment(Path(path_or_name), "conda-meta", "conda environment")
    known = conda_environments(home)
    if path_or_name not in known:
        names = f"conda knows {', '.join(sorted(known))}" if known else "conda knows none of yours"
        raise BadInput(
            f"there is no conda environment '{path_or_name}'", remedy=f"give its path; {names}"
        )
    return known[path_or_name]


def conda_environments(home: Path) -> dict[str, Path]:
    """Return the folder of each of the user's conda environments, by name.

    conda and mamba write the folders into ~/.conda/environments.txt.
    """
    try:
        lines = (home / ".conda" / "environments.txt").read_text().splitlines()
    except OSError:
        lines = []
    folders = [*map(Path, filter(None, lines)), *(home / ".conda" / "envs").glob("*")]
    return {folder.name: folder for folder in folders if (folder / "conda-meta").is_dir()}


def _environment(path: Path, mark: str, what: str) -> Path:
    """Return the absolute path of an environment.

    Raises BadInput if the file `mark` is not in the folder.
    """
    # The path is not resolved. If it is a symbolic link, the kernel shall follow the link at each
    # start, because the user may point the link to another environment.
    path = Path.cwd() / path.expanduser()
    if not (path / mark).exists():
        raise BadInput(f"{path} is no {what}", remedy=f"give the folder that has {mark} in it")
    return path
