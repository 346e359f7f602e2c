"""A Jupyter server extension that loads jupyterlmod only after its calls of Lmod have been made
safe.

jupyterlmod 5.3 does not keep the words of a request apart when it calls Lmod (module/__init__.py,
`module`), lets what is loaded change the server's own environment (the same), and answers whatever
page asks (handler.py). Here words are checked, Lmod is called without a shell, what is loaded stays
beside the server (loaded_modules.py), and only the user's own lab is answered. In the hub
environment jupyterlmod is enabled through this module alone (environment/release/configure.py):
should the guard ever fail to load, there is no Software Modules tab rather than an open one.
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
"""A module, a collection or a path. No blank, no quote, no sign that a shell or Lua reads, no dash
in front."""

OPTIONS = {"purge": "--force", "use": "-a"}
"""What jupyterlmod itself adds."""

CHANGES = {"load", "unload", "purge", "reset", "restore", "use", "unuse"}
"""The commands after which other modules, or other paths to them, are in use."""

_turn = asyncio.Lock()


def refusal(command: str, words: tuple[object, ...]) -> str | None:
    """Why `words` are not passed on to this command of Lmod's, or None when they are harmless."""
    for word in words:
        if not isinstance(word, str) or not (word == OPTIONS.get(command) or WORD.fullmatch(word)):
            return f"not the name of a module: {word!r}"
    return None


async def guarded(command: str, *words: object) -> str | None:
    """In place of jupyterlmod's `module.module`: the same answers, Lmod's text or None, with
    nothing changed here."""
    import module  # jupyterlmod's

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
        # Lmod's exit code tells nothing: it is 1 where a module only warns
        if command in CHANGES and (found := lmod_output.changes(output)):
            loaded_modules.write(lmod_output.applied(found, environment))
    # the tab puts the text into its page as HTML (jupyterlab-lmod, `innerHTML`)
    return html.escape(errors.decode(errors="replace"), quote=False) or None


def is_from_the_lab(handler: Any) -> bool:
    """Whether the user's lab asks, or a program with a token. No other page does, and no link leads
    here."""
    headers = handler.request.headers
    if handler.token_authenticated:
        return True
    if "Sec-Fetch-Site" in headers:  # all browsers since 2023; no page can set it
        return (
            headers["Sec-Fetch-Site"] == "same-origin"
            and headers.get("Sec-Fetch-Mode") != "navigate"
        )
    return handler.check_referer()


def guard_handlers(handlers: Any) -> None:
    """Let each handler of jupyterlmod's `handlers` ask `is_from_the_lab` before anything else."""
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
