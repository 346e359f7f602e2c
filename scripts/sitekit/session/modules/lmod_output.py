"""Parse the output of `lmod python`. This output is a Python program, which is parsed but not run.

No other module parses the output of Lmod. The user's server imports this file, and `make kernels`
copies this file to the folder of the launch program (kernels/lmod_output.py is a link to this
file). lmod_output.py imports only the standard library, because the launch program has no other
packages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Changes = dict[str, "str | None"]
"""Maps names of environment variables to the values that the modules set. The value is None if the
modules unset the variable."""

# Source of the format: Lmod's shells/Python.lua. Older versions write single quotes in `del`.
_STRING = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    rf"^(?:os\.environ\[{_STRING}\] = {_STRING};|del os\.environ\[(?:{_STRING}|'([^'\n]*)')\])$",
    re.MULTILINE | re.DOTALL,
)


def changes(output: bytes) -> Changes:
    """Return the changes that the Python program in Lmod's output would make to its environment
    variables, in the order of the output.

    All other parts of the output are ignored. If a command has failed, Lmod prints no change.
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
    """Return a copy of `environment` to which the changes have been applied."""
    return {name: value for name, value in {**environment, **found}.items() if value is not None}


def loaded(environment: Mapping[str, str]) -> list[str]:
    """Return the full names of the modules that are loaded in `environment`."""
    return [name for name in environment.get("LOADEDMODULES", "").split(":") if name]


def _plain(quoted: str) -> str:
    """Return a text without Lua's quoting."""

    # Lua's %q writes a line break as a backslash and a line break, and \13 in decimal. In Python,
    # both forms have another meaning.
    def one(match: re.Match[str]) -> str:
        number, sign = match.groups()
        return chr(int(number)) if number else {"r": "\r", "n": "\n"}.get(sign, sign)

    return re.sub(r"\\(?:([0-9]{1,3})|(.))", one, quoted, flags=re.DOTALL)
