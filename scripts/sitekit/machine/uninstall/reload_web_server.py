"""Reload the machine's own web server after an uninstall has removed the site's files. The other
websites of this web server continue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...base.errors import Problem
from ...base.progress import say
from ...base.run_program import CommandFailed
from ..host.platform import WebServer
from ..web import compare_virtual_host_answers, system_server


def without_site(web: WebServer, gone: dict[Path, str], before: bytes, mine: Path) -> Iterator[str]:
    """After the site's links were removed, reload the web server `web`. If the web server does not
    run, only restore the links that other websites need. Yield a message for each symbolic link
    that the web server still needs.

    `gone` maps the removed links to their targets. Links that other websites need are created
    again. If the web server cannot be reloaded, yield a message with the reason. `before` is the
    old content of `mine`, the site's configuration file.
    """
    modules = {
        path: to for path, to in gone.items() if web.links and path.parent == web.links.modules
    }
    if modules and not _takes(web):
        left = list(_needed(web, modules))
        yield from (f"left {path}: another site of {web.service} now needs it" for path in left)
        modules = {path: to for path, to in modules.items() if path not in left}
    if system_server.state(web).word == "running":
        try:
            answered = compare_virtual_host_answers.quiet(web, mine)
            system_server.take_in(
                web, "restart" if system_server.cannot_reload(modules, before) else "reload"
            )
            compare_virtual_host_answers.check_same(web, answered)
            if names := compare_virtual_host_answers.shown(answered):
                say(f"    as before answer the other hosts of {web.service}: {names}")
        except Problem as error:
            yield f"{web.service} cannot load its remaining configuration: {error}"


def _needed(web: WebServer, modules: dict[Path, str]) -> Iterator[Path]:
    """Create all links to Apache modules again. After the test, remove each link whose module the
    web server does not need. Yield the links that stay.

    The link of a module is removed together with the link of its settings. The link of a module is
    removed before the links of the modules on which the module depends.
    """
    _link(modules)
    # If the test fails even with all modules, the fault has another cause.
    if not _takes(web):
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
    """Create the symbolic links `links`."""
    for path, to in links.items():
        path.symlink_to(to)


def _takes(web: WebServer) -> bool:
    """Return whether the web server's own configuration test succeeds."""
    try:
        system_server.test(web)
    except CommandFailed:
        return False
    return True
