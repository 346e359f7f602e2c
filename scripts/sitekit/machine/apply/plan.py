"""Hold the plan that `make diff` prints and `make apply` executes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...site import Site
from ..host.file import File
from ..installed.entries import NOTHING, Entry
from ..installed.manifest import Manifest
from .actions import Action, NewLink, Record, Remove, Stop, Write
from .service_changes import ServiceChange


@dataclass(frozen=True)
class Edited:
    """Hold both versions of a file that somebody has changed by hand: the site's content, and the
    file on the machine."""

    file: File
    there: Entry
    secret: bool


@dataclass
class ApplyPlan:
    """Hold the actions in their order, the changes of services, and notes for the administrator.

    - `applied`: the site as it was last applied.
    - `files`: all files that the site needs, changed or not.
    - `offers`: the files that new content is put beside, as `.new`.
    - `edited`: the files that were changed by hand, and whose content from the site is the same as
      at the last apply.
    - `unread`: the files that the current user may not read.
    - `manifest`: what will be recorded.
    """

    applied: Site
    files: dict[Path, File]
    actions: list[Action] = field(default_factory=list)
    services: list[ServiceChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    offers: list[Path] = field(default_factory=list)
    edited: dict[Path, Edited] = field(default_factory=dict)
    unread: list[Path] = field(default_factory=list)
    manifest: Manifest = field(default_factory=Manifest)

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Return every change as (kind, object); empty if the machine matches the site."""
        done = [action.what for action in self.actions if not isinstance(action, Record)]
        return [*done, *(service.what for service in self.services)]

    @property
    def back(self) -> list[ServiceChange]:
        """Return the starts and restarts of services that are needed after a failed apply was
        undone."""
        stopped = [
            action
            for action in self.actions
            if isinstance(action, Stop) and action.state != "stopped"
        ]
        starts = [ServiceChange(action.service.name, "start", action.state) for action in stopped]
        return [*starts, *(change for change in self.services if change.verb != "start")]

    @property
    def changed(self) -> dict[Path, Entry]:
        """Return the paths of files and links that change, with what exists there before."""
        there = {
            action.path: action.before
            for action in self.actions
            if isinstance(action, Write | Remove)
        }
        return there | {
            action.path: NOTHING for action in self.actions if isinstance(action, NewLink)
        }
