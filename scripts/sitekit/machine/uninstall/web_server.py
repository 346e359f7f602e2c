"""After the site's files and links are gone, the machine's own web server goes on without them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...base.command import CommandFailed
from ...base.errors import Problem
from ...base.progress import say
from ..host.platform import WebServer
from ..web import other_hosts, system_server


def without_site(web: WebServer, gone: dict[Path, str], before: bytes, mine: Path) -> Iterator[str]:
    """Have `web` take that in, if it runs. What it cannot do without of the links that are `gone`,
    other sites need by now, and it stays: says which. What the web server refuses is told, and no
    more. `before` stood in `mine`, the site's own file."""
    modules = {
        path: to for path, to in gone.items() if web.links and path.parent == web.links.modules
    }
    if modules and not _takes(web):
        left = list(_needed(web, modules))
        yield from (
            f"left {path}: another site of {web.service} has come to need it" for path in left
        )
        modules = {path: to for path, to in modules.items() if path not in left}
    if system_server.state(web).word == "running":
        try:
            answered = other_hosts.quiet(web, mine)
            system_server.take_in(
                web, "restart" if system_server.cannot_reload(modules, before) else "reload"
            )
            other_hosts.check_same(web, answered)
            if names := other_hosts.shown(answered):
                say(f"    as before answer the other hosts of {web.service}: {names}")
        except Problem as trouble:
            yield f"{web.service} does not take in what is left to it: {trouble}"


def _needed(web: WebServer, modules: dict[Path, str]) -> Iterator[Path]:
    """All of them back; then each module goes if it can, with its settings, before what it depends
    on."""
    _link(modules)
    if not _takes(web):  # nor with them: the fault is another one
        for path in modules:
            path.unlink()
        return
    for name in dict.fromkeys(path.stem for path in modules):
        own = {path: to for path, to in modules.items() if path.stem == name}
        for path in own:
            path.unlink()
        if not _takes(web):
            _link(own)
            yield from own


def _link(links: dict[Path, str]) -> None:
    for path, to in links.items():
        path.symlink_to(to)


def _takes(web: WebServer) -> bool:
    try:
        system_server.test(web)
    except CommandFailed:
        return False
    return True
