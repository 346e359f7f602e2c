"""Define the paths and names that differ between families of Linux distributions, such as Debian
and EL."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from ...base.errors import BadInput
from ...site.yaml_files.yaml_file import read_yaml


class _Row(BaseModel):
    """The base class of the mappings in platforms.yml. Unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Pam(_Row):
    """Define the paths of PAM, and the lines of the hub's PAM service for each method to check
    passwords."""

    modules: Path
    sssd_pipe: Path
    shadow: tuple[str, ...] | None
    sssd: tuple[str, ...]
    totp: str


class Control(_Row):
    """Define the commands that control a web server."""

    test: str
    start: str
    stop: str
    reload: str
    hosts: str
    whole: str | None = None


class Links(_Row):
    """Define the folders in which symbolic links enable virtual hosts and modules (Debian)."""

    sites: Path
    modules: Path | None = None


class WebServer(_Row):
    """Define paths, service and commands of a web server in the distribution's package."""

    package: str
    program: Path
    user: str
    group: str
    pid: Path
    log: Path
    sites: Path
    service: str
    control: Control
    links: Links | None = None
    by_hand: str | None = None

    @property
    def folders(self) -> set[Path]:
        """Return the folders of the web server in which a site creates files or links."""
        links = (self.links.sites, self.links.modules) if self.links else ()
        return {self.sites, *(folder for folder in links if folder)}


class Apache(WebServer):
    """Define paths, service and commands of Apache, and the folder of its modules."""

    modules: Path
    elsewhere: dict[str, Path] = {}
    loads: Path
    packages: dict[str, str]


class Platform(_Row):
    """Declare the keys of one family of distributions in platforms.yml. The comments in
    platforms.yml explain the keys.
    """

    ids: tuple[str, ...]
    install: str
    nologin: Path
    sudoers: Path
    shadow_group: str | None
    ssh_service: str
    pam: Pam
    apache: Apache
    nginx: WebServer


@cache
def platforms() -> dict[str, Platform]:
    """Return all families of distributions that sitekit supports: name -> Platform."""
    document = read_yaml(Path(__file__).with_name("platforms.yml"))
    return TypeAdapter(dict[str, Platform]).validate_python(document.values)


def this_platform(root: Path = Path("/")) -> Platform:
    """Return the family of the machine whose file tree is `root`.

    Raises BadInput for an unknown distribution.
    """
    release = root / "etc/os-release"
    lines = release.read_text().splitlines() if release.exists() else []
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    names = [
        name
        for key in ("ID", "ID_LIKE")
        for word in shlex.split(said.get(key, ""))
        for name in word.split()
    ]
    for name in names:
        if found := next(
            (platform for platform in platforms().values() if name in platform.ids), None
        ):
            return found
    known = ", ".join(sorted(name for platform in platforms().values() for name in platform.ids))
    raise BadInput(
        f"no known distribution is named here ({' '.join(names) or 'none'})",
        str(release),
        f"known: {known}",
    )
