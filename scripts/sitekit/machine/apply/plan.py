"""Define the class of the plan: the list of changes that `make diff` prints and `make apply`
makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...site import Site
from ..host.file_to_write import File
from ..installed.manifest import Manifest
from ..installed.read_and_restore_path import NOTHING, Entry
from .kinds_of_changes import Action, NewLink, Record, Remove, Stop, Write
from .service_changes import ServiceChange


@dataclass(frozen=True)
class Edited:
    """Both versions of a file that somebody has changed by hand: the content that sitekit
    generates, and the content on the machine.
    """

    file: File
    there: Entry
    secret: bool


@dataclass
class ApplyPlan:
    """The changes of the machine in their order, the changes of services, and notes for the
    administrator.

    `applied` is the site of the last apply.
    `files` contains all files that the site needs, changed or not.
    `offers` contains the files that are kept, with the new content beside each file as `.new`.
    `edited` contains the files that somebody has changed by hand, although the site's content for
    them has not changed since the last apply.
    `unread` contains the files that the current user cannot read.
    `manifest` is the manifest after the apply.
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
        """Return every change as (kind of change, changed object). The list is empty if the machine
        matches the site file."""
        done = [action.what for action in self.actions if not isinstance(action, Record)]
        return [*done, *(service.what for service in self.services)]

    @property
    def back(self) -> list[ServiceChange]:
        """Return the services that have to be started or restarted after a failed apply was
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
        """Return the files and links that change, as a mapping: path -> the file or link that
        exists at the path now."""
        there = {
            action.path: action.before
            for action in self.actions
            if isinstance(action, Write | Remove)
        }
        return there | {
            action.path: NOTHING for action in self.actions if isinstance(action, NewLink)
        }
