"""Define how a command of the kit is described. Each command is also a target of the Makefile."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Command:
    """Describe one command.

    - `function`: `module:name`. If `site` is true, the first argument of the function is the Site;
      then follow the command's arguments.
    - `variables`: make's variables, as in `make rollback RELEASE=...`.
    - `details`: text for `make COMMAND HELP=1` only.
    """

    summary: str
    function: str = ""
    site: bool = True
    root: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    details: str = ""
