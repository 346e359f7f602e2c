"""What takes a virtual host into use in the machine's own Apache: modules, and links where the
distribution wants them.

sitekit makes the links itself, as a2ensite and a2enmod would: so each is shown first, recorded and
undone. The notes of those two below /var/lib/apache2 are left alone: they tell the distribution's
packages which links those may take away.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import BadInput, BadInputs
from ..host.platform import Platform
from ..host.target import Target
from .config import front_path, modules, server

_LOAD = re.compile(r"^[ \t]*LoadModule[ \t]+((?:mod_)?(\w+?)(?:_module)?)[ \t]+(\S+)", re.MULTILINE)
_DEPENDS = re.compile(r"^# Depends: (.*)", re.MULTILINE)


@dataclass(frozen=True)
class Link:
    """A symbolic link. One that is `part_of` another is made only where that one is sitekit's as
    well."""

    target: str
    part_of: Path | None = None


@dataclass(frozen=True)
class Loaded:
    """The file that loads a module, and the line that does it from everywhere."""

    path: Path
    line: str
    depends: tuple[str, ...]


def loads(target: Target, platform: Platform) -> dict[str, Loaded]:
    """By the module's name: all that are installed on this machine, in use or not."""
    found = {}
    for real in sorted(target.root.glob(str(platform.apache.loads.relative_to("/")))):
        text = real.read_text(errors="replace")
        depends = tuple(name for line in _DEPENDS.findall(text) for name in line.split())
        for match in _LOAD.finditer(text):
            symbol, name, module = match.groups()
            line = f"LoadModule {symbol} {platform.apache.modules.parent / module}"
            found[name] = Loaded(Path("/") / real.relative_to(target.root), line, depends)
    return found


def check_installed(target: Target, platform: Platform) -> None:
    """Raises BadInput where the machine's web server is not there, or a module of Apache's that the
    site needs."""
    site = target.site
    if site.front.instance == "own":
        return
    web = server(site, platform)
    if not target.on_disk(web.sites).is_dir():
        raise _missing(platform, web.package, web.package)
    if site.front.server == "apache":
        there = loads(target, platform)
        missing = [name for name in modules(site) if name not in there]
        if missing:
            packages = platform.apache.packages
            raise BadInputs(
                [
                    _missing(platform, f"mod_{name}", packages.get(name, web.package))
                    for name in missing
                ]
            )


def _missing(platform: Platform, what: str, package: str) -> BadInput:
    return BadInput(
        f"{what} is not installed on this machine", "front", f"{platform.install} {package}"
    )


def links(target: Target, platform: Platform) -> dict[Path, Link]:
    """The links that the site needs: its modules', with those that they depend on, then its own."""
    web = server(target.site, platform)
    if target.site.front.instance == "own" or web.links is None:
        return {}
    found = _modules(target, platform, web.links.modules) if web.links.modules else {}
    own = front_path(target.site, platform)
    return found | {web.links.sites / own.name: _link(web.links.sites / own.name, own)}


def _modules(target: Target, platform: Platform, folder: Path) -> dict[Path, Link]:
    """Each with its settings, where it has some."""
    found, there = {}, loads(target, platform)
    for name in _closure(modules(target.site), there):
        load = folder / there[name].path.name
        found[load] = _link(load, there[name].path)
        settings = there[name].path.with_suffix(".conf")
        if target.on_disk(settings).exists():
            conf = load.with_suffix(".conf")
            found[conf] = Link(_link(conf, settings).target, part_of=load)
    return found


def _closure(wanted: list[str], there: dict[str, Loaded]) -> list[str]:
    """With what they depend on; what is built in has no file."""
    found, queue = set(), list(wanted)
    while queue:
        name = queue.pop()
        if name in there and name not in found:
            found.add(name)
            queue += there[name].depends
    return sorted(found)


def _link(path: Path, to: Path) -> Link:
    return Link(os.path.relpath(to, path.parent))
