"""Read the versions of JupyterHub and sitekit in a release, and compare a hub's versions with its
servers' versions.

`make install_all` writes release.json. A hub outside the cluster has another release than the
servers. The gate on the login node reads the release.json of the servers' release.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECORD = "release.json"
"""The file in a release that names its packages. environment/release/releases.py writes it."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})+[A-Za-z0-9.+_-]{0,40}")


@dataclass(frozen=True)
class Versions:
    """The name of a release, and the versions of JupyterHub and of sitekit in it."""

    name: str
    jupyterhub: str
    sitekit: str

    def __str__(self) -> str:
        return f"{self.name} with JupyterHub {self.jupyterhub} and sitekit {self.sitekit}"


def versions_in(told: Any) -> Versions:
    """Return the versions in the gate's answer. Raises ValueError if the gate's answer does not
    contain the versions.
    """
    try:
        found = Versions(told["name"], told["jupyterhub"], told["sitekit"])
        if NAME.fullmatch(found.name) and all(
            VERSION.fullmatch(one) for one in (found.jupyterhub, found.sitekit)
        ):
            return found
    except (KeyError, TypeError):
        pass
    raise ValueError("the versions of a release have an unknown form")


def versions_of(release: Path) -> Versions:
    """Return the versions of a release on this host. Raises OSError or ValueError.

    A release has conda-forge's package jupyterhub, or only the package jupyterhub-base, which
    contains the same JupyterHub.
    """
    facts = json.loads((release / RECORD).read_text())
    try:
        packages = {one["name"]: one["version"] for one in facts["packages"]}
        hub = packages.get("jupyterhub") or packages["jupyterhub-base"]
        return versions_in(
            {"name": facts["name"], "jupyterhub": hub, "sitekit": facts["kit"]["version"]}
        )
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{release / RECORD} has an unknown form") from None


def misfit(hub: Versions, servers: Versions) -> str | None:
    """Return why servers of one release cannot work with the hub of another release; None if the
    two releases fit.

    JupyterHub's hub and servers must have the same first two numbers of their version. The format
    of the data that the hub sends to a job changes only with the first two numbers of sitekit's
    version.
    """
    pairs = ((hub.jupyterhub, servers.jupyterhub), (hub.sitekit, servers.sitekit))
    if all(ours.split(".")[:2] == theirs.split(".")[:2] for ours, theirs in pairs):
        return None
    return f"the hub runs the release {hub}; servers on the cluster run the release {servers}"
