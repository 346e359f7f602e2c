"""Enable the site's virtual host and its modules in the machine's own Apache, with symbolic links.

sitekit makes the same links as a2ensite and a2enmod, but does not run these programs. For this
reason, `make diff` can show each link, and an uninstall can remove each link. a2ensite and a2enmod
record their links below /var/lib/apache2. The distribution's packages may remove links that are
recorded below /var/lib/apache2. For this reason, sitekit does not write such records.
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
    """Describe a symbolic link.

    If `part_of` names another link, this link is created only if sitekit also creates the other
    link.
    """

    target: str
    part_of: Path | None = None


@dataclass(frozen=True)
class Loaded:
    """The file that loads an Apache module, and the LoadModule line of this file with an
    absolute path."""

    path: Path
    line: str
    depends: tuple[str, ...]


def loads(target: Target, platform: Platform) -> dict[str, Loaded]:
    """Return the Apache modules that are installed on this machine, enabled or not: name ->
    Loaded."""
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
    """Raise BadInput if the site's web server, or an Apache module that the site needs, is not
    installed."""
    site = target.site
    if site.front.instance == "own":
        return
    web = server(site, platform)
    if not target.on_disk(web.sites).is_dir():
        raise _missing(platform, web.package, web.package)
    if site.front.server == "apache":
        installed = loads(target, platform)
        missing = [name for name in modules(site) if name not in installed]
        if missing:
            packages = platform.apache.packages
            raise BadInputs(
                [
                    _missing(platform, f"mod_{name}", packages.get(name, web.package))
                    for name in missing
                ]
            )


def _missing(platform: Platform, what: str, package: str) -> BadInput:
    """Return the error for a part of the web server (`what`) that is not installed. `package` is
    the distribution's package with this part."""
    return BadInput(
        f"{what} is not installed on this machine", "front", f"{platform.install} {package}"
    )


def links(target: Target, platform: Platform) -> dict[Path, Link]:
    """Return the symbolic links that the site needs: first the links of modules, then the link of
    the virtual host."""
    web = server(target.site, platform)
    if target.site.front.instance == "own" or web.links is None:
        return {}
    found = _modules(target, platform, web.links.modules) if web.links.modules else {}
    own = front_path(target.site, platform)
    return found | {web.links.sites / own.name: _link(web.links.sites / own.name, own)}


def _modules(target: Target, platform: Platform, folder: Path) -> dict[Path, Link]:
    """Return the links for Apache modules, and the links for the settings of these modules."""
    found, installed = {}, loads(target, platform)
    for name in _closure(modules(target.site), installed):
        load = folder / installed[name].path.name
        found[load] = _link(load, installed[name].path)
        settings = installed[name].path.with_suffix(".conf")
        if target.on_disk(settings).exists():
            conf = load.with_suffix(".conf")
            found[conf] = Link(_link(conf, settings).target, part_of=load)
    return found


def _closure(wanted: list[str], installed: dict[str, Loaded]) -> list[str]:
    """Return the modules `wanted` and all modules that they depend on. Modules that are built into
    Apache have no file, and are omitted."""
    found, queue = set(), list(wanted)
    while queue:
        name = queue.pop()
        if name in installed and name not in found:
            found.add(name)
            queue += installed[name].depends
    return sorted(found)


def _link(path: Path, to: Path) -> Link:
    """Return a Link at `path` with a relative target."""
    return Link(os.path.relpath(to, path.parent))
