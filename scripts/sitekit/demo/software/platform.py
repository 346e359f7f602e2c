"""Detect the Linux distribution, and read platforms.yml, which lists the differences between
distributions."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import BadInput
from ...site.yaml_files.yaml_file import read_yaml

REMEDY = "the demo needs Debian 12 or Ubuntu 22.04, or newer; on another system set up a site with config/site.yml"

_NAMED_IN = "/etc/os-release"


@dataclass(frozen=True)
class Distribution:
    """Describe this machine's distribution with the values of os-release(5)."""

    id: str
    version: str
    codename: str
    title: str


def table() -> dict[str, Any]:
    """Read platforms.yml, which lists the differences between distributions."""
    return read_yaml(Path(__file__).with_name("platforms.yml")).values


def distribution() -> Distribution:
    """Return this machine's distribution.

    Raises BadInput if the demo does not support this distribution.
    """
    try:
        fields = platform.freedesktop_os_release()
    except OSError:
        raise BadInput("no distribution is named here", _NAMED_IN, REMEDY) from None
    detected = Distribution(
        fields["ID"],
        fields.get("VERSION_ID", ""),
        fields.get("VERSION_CODENAME", ""),
        fields["PRETTY_NAME"],
    )
    oldest = table()["versions"].get(detected.id)
    if oldest is None or _number(detected.version) < _number(oldest):
        raise BadInput(f"this machine runs {detected.title}", _NAMED_IN, REMEDY)
    return detected


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
