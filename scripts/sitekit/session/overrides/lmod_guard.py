"""Load jupyterlmod after its calls of Lmod have been made safe.

This module is a Jupyter server extension. jupyterlmod 5.3 has three faults. The arguments of a
request are passed to Lmod without quoting. Loaded modules change the server's own environment (both
in module/__init__.py, `module`). Requests from any page are answered (handler.py). With this
module, the arguments are checked, and Lmod is called without a shell. The changes of loaded modules
are stored outside the server (loaded_modules.py). Only requests from the user's own JupyterLab are
answered. The hub environment enables jupyterlmod through this module only
(environment/release/configure.py). If this module cannot be loaded, there is no Software Modules
tab.
"""

from __future__ import annotations

import asyncio
import html
import inspect
import os
import re
from asyncio.subprocess import DEVNULL, PIPE
from typing import Any

from .. import lmod_output, loaded_modules

WORD = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@:-]*", re.ASCII)
"""The name of a module or a collection, or a path. Spaces, quotes, special characters of shells and
Lua, and a leading dash are not allowed."""

OPTIONS = {"purge": "--force", "use": "-a"}
"""The options that jupyterlmod itself adds."""

CHANGES = {"load", "unload", "purge", "reset", "restore", "use", "unuse"}
"""The commands that change the loaded modules or the paths of modules."""

_turn = asyncio.Lock()


def refusal(command: str, words: tuple[object, ...]) -> str | None:
    """Return why Lmod may not be called with `words`, or None if they are harmless."""
    for word in words:
        if not isinstance(word, str) or not (word == OPTIONS.get(command) or WORD.fullmatch(word)):
            return f"not the name of a module: {word!r}"
    return None


async def guarded(command: str, *words: object) -> str | None:
    """Replace jupyterlmod's `module.module`.

    Return Lmod's text or None, as the original does, but do not change the server's environment.
    """
    import module  # this module belongs to jupyterlmod

    if not module.MODULE_CMD:
        return "Module system not found"
    if (why := refusal(command, words)) is not None:
        return html.escape(why)
    argv = [module.MODULE_CMD, "python", "--terse", command, *map(str, words)]
    async with _turn:
        environment = lmod_output.applied(loaded_modules.read(), os.environ)
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment
        )
        output, errors = await process.communicate()
        # Lmod's exit code is not used, because it is 1 even if a module only prints a warning.
        if command in CHANGES and (found := lmod_output.changes(output)):
            loaded_modules.write(lmod_output.applied(found, environment))
    # The Software Modules tab inserts this text as HTML (jupyterlab-lmod, `innerHTML`).
    return html.escape(errors.decode(errors="replace"), quote=False) or None


def is_from_the_lab(handler: Any) -> bool:
    """Return whether the request comes from the user's JupyterLab or has an API token.

    Requests from other pages and from links are refused.
    """
    headers = handler.request.headers
    if handler.token_authenticated:
        return True
    if "Sec-Fetch-Site" in headers:  # sent by all browsers since 2023, and no page can set it
        return (
            headers["Sec-Fetch-Site"] == "same-origin"
            and headers.get("Sec-Fetch-Mode") != "navigate"
        )
    return handler.check_referer()


def guard_handlers(handlers: Any) -> None:
    """Make each handler of jupyterlmod refuse requests that do not come from JupyterLab."""
    from jupyter_server.base.handlers import JupyterHandler
    from tornado.web import HTTPError

    async def prepare(handler: JupyterHandler) -> None:
        await JupyterHandler.prepare(handler)
        if not is_from_the_lab(handler):
            raise HTTPError(403, "only the lab's own Software Modules tab may ask this")

    classes: list[Any] = [kind for kind in vars(handlers).values() if inspect.isclass(kind)]
    for kind in classes:
        if issubclass(kind, JupyterHandler) and kind is not JupyterHandler:
            kind.prepare = prepare


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "sitekit.session.overrides.lmod_guard"}]


def _load_jupyter_server_extension(server: Any) -> None:
    import jupyterlmod
    import module

    module.module = guarded
    guard_handlers(jupyterlmod.handler)
    jupyterlmod._load_jupyter_server_extension(server)
