"""A Jupyter server extension that loads jupyterlmod only after its calls of Lmod have been made safe.

jupyterlmod 5.3 does not keep the words of a request apart when it calls Lmod (module/__init__.py, `module`). Here they
are checked, and Lmod is called without a shell. In the hub environment jupyterlmod is enabled through this module alone
(release/finish.py): should the guard ever fail to load, there is no Software Modules tab rather than an open one.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from asyncio.subprocess import PIPE
from typing import Any

WORD = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@:-]*", re.ASCII)
"""A module, a collection or a path. No blank, no quote, no sign that a shell or Lua reads, no dash in front."""

OPTIONS = {"--force", "-a"}
"""What jupyterlmod itself adds: to purge, and to use."""

CHANGES = {"load", "unload", "purge", "reset", "restore", "save", "use", "unuse"}
"""The commands whose output is Python that brings the change into this process."""


def refusal(words: tuple[object, ...]) -> str | None:
    """Why `words` are not passed on to Lmod, or None when they are harmless."""
    for word in words:
        if not isinstance(word, str) or not (word in OPTIONS or WORD.fullmatch(word)):
            return f"not the name of a module: {word!r}"
    return None


async def guarded(command: str, *words: object) -> str | None:
    """In place of jupyterlmod's `module.module`: the same answers, the error text or None, without a shell."""
    import module  # jupyterlmod's

    if not module.MODULE_CMD:
        return "Module system not found"
    if (why := refusal(words)) is not None:
        return why
    argv = [module.MODULE_CMD, "python", "--terse", command, *map(str, words)]
    process = await asyncio.create_subprocess_exec(*argv, stdout=PIPE, stderr=PIPE)
    output, errors = await process.communicate()
    if command in CHANGES:
        with contextlib.suppress(NameError):  # Lmod ends a failed command with the word `false`
            exec(output.decode())  # noqa: S102 - Lmod's own Python, which its init/env_modules_python.py runs alike
    return errors.decode() or None


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "sitekit.session.lmod_guard"}]


def _load_jupyter_server_extension(server: Any) -> None:
    import jupyterlmod
    import module

    module.module = guarded
    jupyterlmod._load_jupyter_server_extension(server)
