"""Load jupyterlmod with safe calls of Lmod, as an extension of Jupyter Server.

jupyterlmod 5.3 itself does not separate the arguments of a request when it calls Lmod. In
jupyterlmod, modules that the user loads also change the environment variables of the server itself
(module/__init__.py, `module`). jupyterlmod also answers requests that pages of other websites cause
(handler.py). The module lmod_guard checks the arguments, calls Lmod without a shell, and stores
loaded modules in a file (store_loaded_modules.py). The handler answers only requests of the user's
own JupyterLab.

In the hub environment jupyterlmod is enabled only through this module
(environment/release/configure_release.py). If lmod_guard fails to load, JupyterLab has no Software
Modules tab.
"""

from __future__ import annotations

import asyncio
import html
import inspect
import os
import re
from asyncio.subprocess import DEVNULL, PIPE
from typing import Any

from ..modules import lmod_output, store_loaded_modules

WORD = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@:-]*", re.ASCII)
"""The form of an allowed argument: the name of a module or a collection, or a path.

An allowed argument contains no space, no quote and no character that a shell or Lua interprets. The
argument does not begin with a dash.
"""

OPTIONS = {"purge": "--force", "use": "-a"}
"""Maps commands of Lmod to options that jupyterlmod adds to them."""

CHANGES = {"load", "unload", "purge", "reset", "restore", "use", "unuse"}
"""Commands that change the loaded modules, or the paths to modules."""

_turn = asyncio.Lock()


def refusal(command: str, words: tuple[object, ...]) -> str | None:
    """Return the reason if `words` must not be passed to this command of Lmod. If `words` are safe,
    return None."""
    for word in words:
        if not isinstance(word, str) or not (word == OPTIONS.get(command) or WORD.fullmatch(word)):
            return f"not the name of a module: {word!r}"
    return None


async def guarded(command: str, *words: object) -> str | None:
    """Run a command of Lmod. This function replaces jupyterlmod's function `module.module`.

    Like `module.module`, the function returns Lmod's text or None. In contrast to `module.module`,
    this function does not change the environment variables of the server.
    """
    import module  # the module of jupyterlmod

    if not module.MODULE_CMD:
        return "Module system not found"
    if (why := refusal(command, words)) is not None:
        return html.escape(why)
    argv = [module.MODULE_CMD, "python", "--terse", command, *map(str, words)]
    async with _turn:
        environment = lmod_output.applied(store_loaded_modules.read_loaded_modules(), os.environ)
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment
        )
        output, errors = await process.communicate()
        # Lmod's exit code cannot be used, because the code is also 1 if a module only prints a
        # warning
        if command in CHANGES and (found := lmod_output.changes(output)):
            store_loaded_modules.write_loaded_modules(lmod_output.applied(found, environment))
    # the Software Modules tab inserts the text into its page as HTML (jupyterlab-lmod, `innerHTML`)
    return html.escape(errors.decode(errors="replace"), quote=False) or None


def is_from_the_lab(handler: Any) -> bool:
    """Return whether the user's JupyterLab, or a program with a token, has sent the request.

    Requests that other pages or links cause are refused.
    """
    headers = handler.request.headers
    if handler.token_authenticated:
        return True
    # all browsers send this header since 2023; no page can set the header
    if "Sec-Fetch-Site" in headers:
        return (
            headers["Sec-Fetch-Site"] == "same-origin"
            and headers.get("Sec-Fetch-Mode") != "navigate"
        )
    return handler.check_referer()


def guard_handlers(handlers: Any) -> None:
    """Make each handler of jupyterlmod's `handlers` call `is_from_the_lab` first."""
    from jupyter_server.base.handlers import JupyterHandler
    from tornado.web import HTTPError

    async def prepare(handler: JupyterHandler) -> None:
        await JupyterHandler.prepare(handler)
        if not is_from_the_lab(handler):
            raise HTTPError(403, "only JupyterLab's Software Modules tab may send this request")

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
