"""Define how a command of the kit is described. Each command is also a target of the Makefile."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """Describe one command.

    `function` has the form `module:name`. The arguments of this function are the arguments of the
    command. If `site` is true, the Site is an additional first argument.
    `variables` are the variables of make that the command accepts, such as RELEASE in
    `make rollback RELEASE=...`, each with its description.
    `details` is a text for `make COMMAND HELP=1` and docs/commands.md; `make help` does not print it.
    """

    summary: str
    function: str = ""
    site: bool = True
    root: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    details: str = ""
