"""Convert one wheel from PyPI to a conda package."""

from __future__ import annotations

import configparser
import email.parser
import hashlib
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from .write_conda_package import PLACEHOLDER, Entry, Package, subdir

CONDA_NAMES = {
    "bash-kernel": "bash_kernel",
    "psycopg2-binary": "psycopg2",
    "ruamel-yaml": "ruamel.yaml",
}
"""Maps names at PyPI to names at conda-forge, for packages whose two names differ in more than
upper and lower case."""

PYPI_NAMES = {conda: pypi for pypi, conda in CONDA_NAMES.items()}


def conda_name(name: str) -> str:
    """Return the conda package name of the PyPI project `name`."""
    plain = canonicalize_name(name)
    return CONDA_NAMES.get(plain, plain)


class Wheel:
    """Read the metadata of a wheel file, and convert the wheel to a conda package."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.archive = zipfile.ZipFile(path)
        name, version, _, tags = parse_wheel_filename(path.name)
        self.name, self.version = str(name), str(version)
        self.pure = all(tag.platform == "any" for tag in tags)
        names = self.archive.namelist()
        self.info = next(
            name.split("/")[0] for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)
        )
        self.metadata: Message = email.parser.BytesParser().parsebytes(
            self.archive.read(f"{self.info}/METADATA")
        )

    def requires(self, target: Mapping[str, str], extra: str = "") -> Iterator[Requirement]:
        """Yield the requirements of this wheel. If `extra` is given, yield only the requirements
        that this extra adds.

        `target` has the values of the environment markers of Python packaging (PEP 508).
        """
        for requirement in map(Requirement, self.metadata.get_all("Requires-Dist") or []):
            if not requirement.marker or requirement.marker.evaluate({**target, "extra": extra}):
                yield requirement

    def depends(self, target: Mapping[str, str], house: Mapping[str, Wheel]) -> list[str]:
        """Return this wheel's requirements in conda's syntax. `house` maps the names of all wheels
        of the channel to the wheels.

        conda has no extras. If this wheel requires an extra of another package, this function adds
        the requirements of the extra to the requirements of this wheel.
        """
        wanted: dict[str, set[str]] = {}
        seen: set[tuple[str, str]] = set()
        waiting = list(self.requires(target))
        while waiting:
            requirement = waiting.pop()
            name = canonicalize_name(requirement.name)
            wanted.setdefault(name, set()).update(
                str(part).replace(" ", "") for part in requirement.specifier
            )
            for extra in requirement.extras:
                if (name, extra) not in seen and name in house:
                    seen.add((name, extra))
                    waiting += house[name].requires(target, extra)
        wanted.pop(self.name, None)
        return [
            f"{conda_name(name)} {','.join(sorted(parts))}".strip()
            for name, parts in wanted.items()
        ]

    def entry_points(self) -> list[str]:
        """Return the wheel's entry points for commands, such as `jupyter =
        jupyter_core.command:main`."""
        if f"{self.info}/entry_points.txt" not in self.archive.namelist():
            return []
        parser = configparser.ConfigParser(delimiters=("=",))
        # The manual of configparser recommends this assignment, which keeps capital letters in
        # names. The type annotations of configparser do not allow this assignment.
        parser.optionxform = str  # type: ignore[method-assign, assignment]
        parser.read_string(self.archive.read(f"{self.info}/entry_points.txt").decode())
        sections = [parser[name] for name in ("console_scripts", "gui_scripts") if name in parser]
        return [
            f"{name} = {function}" for section in sections for name, function in section.items()
        ]

    def convert(
        self, channel: Path, target: Mapping[str, str], house: Mapping[str, Wheel]
    ) -> tuple[str, str, Entry]:
        """Write this wheel as a conda package into the directory `channel`.

        The package always has the layout of conda's noarch packages. If the wheel contains compiled
        files, the package requires the Python version of `target`.
        """
        version = target["python_version"]
        package = Package(
            conda_name(self.name),
            self.version,
            "pypi_py_0" if self.pure else f"pypi_py{version.replace('.', '')}_0",
            "noarch" if self.pure else subdir(),
            [*self.depends(target, house), self._python(version)],
            noarch="python",
            license=str(self.metadata["License-Expression"] or self.metadata["License"] or "")[
                :120
            ],
        )
        for entry in self.archive.infolist():
            if not entry.is_dir():
                path, content, mode = self._place(entry, version)
                package.add(path, content, mode)
        package.add(f"site-packages/{self.info}/INSTALLER", b"conda\n")
        about: dict[str, Any] = {"summary": str(self.metadata["Summary"] or "")}
        digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        about["extra"] = {"converted_from": self.path.name, "wheel_sha256": digest}
        return package.write(
            channel, {"type": "python", "entry_points": self.entry_points()}, about
        )

    def _python(self, version: str) -> str:
        if self.pure:
            return f"python {(self.metadata['Requires-Python'] or '').replace(' ', '')}".strip()
        major, minor = version.split(".")
        return f"python >={version},<{major}.{int(minor) + 1}.0a0"

    def _place(self, entry: zipfile.ZipInfo, version: str) -> tuple[str, bytes, int]:
        """Return the path, content and mode of a file in the conda package. `entry` is the file in
        the wheel.

        The rules for `.data` directories are in the specification "Binary distribution format" (PEP
        427).
        """
        content, mode = self.archive.read(entry), entry.external_attr >> 16
        data = self.info.removesuffix(".dist-info") + ".data/"
        if not entry.filename.startswith(data):
            return f"site-packages/{entry.filename}", content, mode
        kind, _, rest = entry.filename.removeprefix(data).partition("/")
        if kind == "scripts":
            script = re.sub(rb"^#!pythonw?", b"#!" + PLACEHOLDER.encode() + b"/bin/python", content)
            return f"python-scripts/{rest}", script, 0o755
        folder = {"data": "", "headers": f"include/python{version}/{self.name}/"}.get(
            kind, "site-packages/"
        )
        return folder + rest, content, mode


def target_environment(version: str) -> dict[str, str]:
    """Return the values of environment markers (PEP 508) for CPython `version` on this machine.

    `version` is a full version number such as 3.11.2.
    """
    return {
        "implementation_name": "cpython",
        "implementation_version": version,
        "os_name": "posix",
        "platform_machine": os.uname().machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": version,
        "python_version": ".".join(version.split(".")[:2]),
        "sys_platform": "linux",
    }
