"""Read what `lmod python` prints. It is a Python program; it is read here as data and never run.

This is the only reader: the session's server imports it, and `make kernels` puts a copy beside the
launcher (kernels/lmod_output.py is a link to this file). Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Changes = dict[str, "str | None"]
"""Variables that the modules set; None for those that they unset."""

# Source of the format: Lmod's shells/Python.lua. Older versions write single quotes in `del`.
_STRING = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rf"^(?:os\.environ\[{_STRING}\] = {_STRING};|del os\.environ\[(?:{_STRING}|'([^'\n]*)')\])$",
    re.MULTILINE | re.DOTALL,
)


def changes(output: bytes) -> Changes:
    """What the program would change in its environment, in its order; everything else in it is
    ignored.

    Lmod prints no change at all when a command has failed.
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
    """`environment` after the changes."""
    return {name: value for name, value in {**environment, **found}.items() if value is not None}


def loaded(environment: Mapping[str, str]) -> list[str]:
    """The full names of the modules that are loaded in `environment`."""
    return [name for name in environment.get("LOADEDMODULES", "").split(":") if name]


def _plain(quoted: str) -> str:
    # Lua's %q: a backslash before a line break is the line break, and \13 is decimal. Python would
    # read both otherwise.
    def one(match: re.Match[str]) -> str:
        number, sign = match.groups()
        return chr(int(number)) if number else {"r": "\r", "n": "\n"}.get(sign, sign)

    return re.sub(r"\\(?:([0-9]{1,3})|(.))", one, quoted, flags=re.DOTALL)
