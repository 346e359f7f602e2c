"""Identify the distribution, with its entry in platforms.yml."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.errors import BadInput
from ...site.yaml_file import read_yaml

REMEDY = "the demo needs Debian 12 or Ubuntu 22.04, or newer; on another system set up a site with config/site.yml"

_NAMED_IN = "/etc/os-release"


@dataclass(frozen=True)
class Distribution:
    """The distribution of this machine: its id, version and code name as in os-release(5)."""

    id: str
    version: str
    codename: str
    title: str


def table() -> dict[str, Any]:
    """Return the table of the differences between distributions."""
    return read_yaml(Path(__file__).with_name("platforms.yml")).values


def distribution() -> Distribution:
    """Return the distribution of this machine. Raises BadInput if the demo cannot run on it."""
    try:
        fields = platform.freedesktop_os_release()
    except OSError:
        raise BadInput("no distribution is named here", _NAMED_IN, REMEDY) from None
    found = Distribution(
        fields["ID"],
        fields.get("VERSION_ID", ""),
        fields.get("VERSION_CODENAME", ""),
        fields["PRETTY_NAME"],
    )
    oldest = table()["versions"].get(found.id)
    if oldest is None or _number(found.version) < _number(oldest):
        raise BadInput(f"this machine runs {found.title}", _NAMED_IN, REMEDY)
    return found


def _number(version: str) -> tuple[int, ...]:
    """Return a version as numbers."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())
