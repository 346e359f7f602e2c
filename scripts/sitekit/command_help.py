"""Generate the help texts of all commands: for `make help`, `make COMMAND HELP=1` and
docs/commands.md."""

from __future__ import annotations

from collections.abc import Iterator

from .command_definition import Command
from .commands import COMMANDS, GROUPS


def overview() -> str:
    """Return all commands, one line each, for `make help`."""
    lines = [
        "make COMMAND [VARIABLE=value]. make COMMAND HELP=1 explains a command.",
        "SITE=path names a site file other than config/site.yml. PYTHON=python3.12 names another Python for sitekit.",
    ]
    for group, commands in GROUPS.items():
        lines += [
            "",
            f"{group}:",
            *(f"  {name:<21} {_line(command)}" for name, command in commands.items()),
        ]
    return "\n".join(lines)


def _line(command: Command) -> str:
    """Return the line about one command for `make help`."""
    variables = f"; {'= '.join(command.variables)}=" if command.variables else ""
    return f"{command.summary}{variables}{' (as root)' if command.root else ''}"


def help_of(name: str) -> str:
    """Return the text for `sitekit NAME --help`."""
    command = COMMANDS[name]
    lines = [
        f"{'sudo ' if command.root else ''}make {name}",
        "",
        f"{command.summary[0].upper()}{command.summary[1:]}.",
    ]
    lines += [command.details] if command.details else []
    if command.variables:
        lines += [
            "",
            "Variables:",
            *(f"  {key:<12} {what}" for key, what in command.variables.items()),
        ]
    return "\n".join(lines)


def page() -> str:
    """Return the text of docs/commands.md."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    """Yield the lines of docs/commands.md."""
    yield "# Commands\n"
    yield "Each command is a target of make. `scripts/sitekit/commands.py` generates this page and `make help`."
    yield "`make COMMAND HELP=1` describes one command. SITE=path names a site file other than `config/site.yml`.\n"
    yield "Exit codes: 0 done, 1 failed, 2 refused before anything changed, 130 interrupted.\n"
    yield "The section [Words](../README.md#words) of the README explains *bundle*, *drill*, *lock*, *prefix*,"
    yield "*publish*, *release*, *roster*, *slip* and *tier*."
    for group, commands in GROUPS.items():
        yield f"\n## {group}\n"
        yield "| command | what it does | variables |\n|---|---|---|"
        for name, command in commands.items():
            details = f". {command.details}" if command.details else ""
            variables = "<br>".join(f"`{key}`: {what}" for key, what in command.variables.items())
            yield f"| `{'sudo ' if command.root else ''}make {name}` | {command.summary}{details} | {variables} |"
    yield ""
