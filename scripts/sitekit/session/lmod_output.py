"""Read the output of `lmod python` without running it.

Lmod's output is a Python program, but this module only parses it. The session's server imports this
module. `make kernels` copies it beside the kernels' launcher (kernels/lmod_output.py is a symbolic
link to this file). This module therefore imports only the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Changes = dict[str, "str | None"]
"""The variables that modules set. The value is None if a module unsets the variable."""

# Lmod's shells/Python.lua defines the format. Older versions write single quotes in `del`.
_STRING = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rf"^(?:os\.environ\[{_STRING}\] = {_STRING};|del os\.environ\[(?:{_STRING}|'([^'\n]*)')\])$",
    re.MULTILINE | re.DOTALL,
)


def changes(output: bytes) -> Changes:
    """Return the changes of the environment in Lmod's output, in their order.

    All other lines are ignored. Lmod prints no change if a command has failed.
    """
    found: Changes = {}
    for match in _LINE.finditer(output.decode(errors="surrogateescape")):
        name, value, unset, unset_by_older = match.groups()
        if name is not None:
            found[_plain(name)] = _plain(value)
        else:
            found[_plain(unset) if unset is not None else unset_by_older] = None
    return found


def applied(found: Changes, environment: Mapping[str, str]) -> dict[str, str]:
    """Return `environment` after the changes."""
    return {name: value for name, value in {**environment, **found}.items() if value is not None}


def loaded(environment: Mapping[str, str]) -> list[str]:
    """Return the full names of the modules that are loaded in `environment`."""
    return [name for name in environment.get("LOADEDMODULES", "").split(":") if name]


def _plain(quoted: str) -> str:
    # Lmod quotes strings with Lua's %q. There, a backslash before a line break means the line
    # break, and the number in \13 is decimal. Python's rules for both differ.
    def one(match: re.Match[str]) -> str:
        number, sign = match.groups()
        return chr(int(number)) if number else {"r": "\r", "n": "\n"}.get(sign, sign)

    return re.sub(r"\\(?:([0-9]{1,3})|(.))", one, quoted, flags=re.DOTALL)
