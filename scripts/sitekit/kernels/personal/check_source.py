"""Check the modules or the environment that a user gives to `sitekit-kernel add`, and make a
Candidate (a kernel that can be made) from them.

`make kernels` uses the same class Candidate for the site's own kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...base.errors import BadInput, Unfit
from ..discovery.list_candidates import Candidate, slug
from ..discovery.list_modules import Module
from ..discovery.rules import Rule

PREFIX = "my-"
"""The prefix of the names of users' kernel folders.

Because no kernel of the site has this prefix, a user's kernel cannot hide a kernel of the site.
"""


def candidate(
    home: Path,
    name: str,
    modules: Sequence[str],
    conda: str | None,
    venv: str | None,
    user_site: bool,
) -> Candidate:
    """Return the Candidate (a kernel that can be made) for the user's modules, for the user's
    environment, or for both.

    Raises BadInput if the user's input is wrong.
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
            "no module or environment is named", remedy="add --module, --conda or --venv"
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
    """Return the kernel's title from the name that the user gave. Raises BadInput if the name
    cannot be a title."""
    title = name.strip()
    if not title.isprintable() or not 0 < len(title) <= 60:
        raise BadInput(
            f"{name!r} is no name for a kernel", remedy="use 1 to 60 ordinary characters"
        )
    if not any(sign.isalnum() and sign.isascii() for sign in title):
        raise BadInput(
            f"'{title}' has no letter a-z and no digit",
            remedy="add one, because the name of the kernel's folder needs it",
        )
    return title


def virtual_environment(path: str) -> Path:
    """Return the path of a virtual environment. Raises BadInput if the folder is not a virtual
    environment."""
    return _environment(
        Path(path), "pyvenv.cfg", "virtual environment (made by python -m venv, virtualenv or uv)"
    )


def conda_environment(home: Path, text: str) -> Path:
    """Return the path of a conda environment. `text` is the path or the name of the environment.
    Raises BadInput if the environment does not exist."""
    if "/" in text:
        return _environment(Path(text), "conda-meta", "conda environment")
    known = conda_environments(home)
    if text not in known:
        names = f"conda knows {', '.join(sorted(known))}" if known else "conda knows none of yours"
        raise BadInput(f"there is no conda environment '{text}'", remedy=f"give its path; {names}")
    return known[text]


def conda_environments(home: Path) -> dict[str, Path]:
    """Return the user's conda environments, as a map of names to paths.

    conda and mamba list the user's environments in ~/.conda/environments.txt.
    """
    try:
        lines = (home / ".conda" / "environments.txt").read_text().splitlines()
    except OSError:
        lines = []
    folders = [*map(Path, filter(None, lines)), *(home / ".conda" / "envs").glob("*")]
    return {folder.name: folder for folder in folders if (folder / "conda-meta").is_dir()}


def _environment(path: Path, mark: str, what: str) -> Path:
    """Return the absolute path of an environment. Raises BadInput if the folder does not contain
    the file `mark`, which every environment of this kind contains."""
    # Symbolic links are not resolved. If the user later changes a link to another environment, the
    # kernel runs in the other environment.
    path = Path.cwd() / path.expanduser()
    if not (path / mark).exists():
        raise BadInput(f"{path} is no {what}", remedy=f"give the folder that has {mark} in it")
    return path
