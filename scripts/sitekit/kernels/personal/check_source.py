"""What a user names for a kernel of their own, checked and turned into what the site's own kernels
are made from."""

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
"""The folders of users' kernels begin so, and none of the site's does that they could hide."""


def candidate(
    home: Path,
    name: str,
    modules: Sequence[str],
    conda: str | None,
    venv: str | None,
    user_site: bool,
) -> Candidate:
    """A kernel of `modules`, of an environment, or of an environment made with modules. Raises
    BadInput."""
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
    return _environment(
        Path(path), "pyvenv.cfg", "virtual environment (made by python -m venv, virtualenv or uv)"
    )


def conda_environment(home: Path, told: str) -> Path:
    """By its path or, as conda knows it, by its name."""
    if "/" in told:
        return _environment(Path(told), "conda-meta", "conda environment")
    known = conda_environments(home)
    if told not in known:
        names = f"conda knows {', '.join(sorted(known))}" if known else "conda knows none of yours"
        raise BadInput(f"there is no conda environment '{told}'", remedy=f"give its path; {names}")
    return known[told]


def conda_environments(home: Path) -> dict[str, Path]:
    """Name -> folder of the user's environments, as conda and mamba note them in
    ~/.conda/environments.txt."""
    try:
        lines = (home / ".conda" / "environments.txt").read_text().splitlines()
    except OSError:
        lines = []
    folders = [*map(Path, filter(None, lines)), *(home / ".conda" / "envs").glob("*")]
    return {folder.name: folder for folder in folders if (folder / "conda-meta").is_dir()}


def _environment(path: Path, mark: str, what: str) -> Path:
    # Not resolved: a link that a user keeps to the environment in use is what the kernel shall
    # follow.
    path = Path.cwd() / path.expanduser()
    if not (path / mark).exists():
        raise BadInput(f"{path} is no {what}", remedy=f"give the folder that has {mark} in it")
    return path
