"""What is to be done to a machine: `make diff` shows it, `make apply` executes the very same."""

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
    """A file as the site says it, and as somebody has left it."""

    file: File
    there: Entry
    secret: bool


@dataclass
class Plan:
    """What will be done, in this order, then to which services; and what is there to be told
    without being done.

    `files` are all that the site asks for, changed or not. `offers` are the files beside which new
    content lies, `edited` those that were changed by hand while the site says nothing new of them,
    `unread` those that whoever looks may not read. `manifest` is what will be recorded; `applied`
    is the site as it stands before.
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
        """Every change as (kind, object); empty when the machine is what the site says."""
        done = [action.what for action in self.actions if not isinstance(action, Record)]
        return [*done, *(service.what for service in self.services)]

    @property
    def back(self) -> list[ServiceChange]:
        """What the services that stood before have to do when everything is put back."""
        stopped = [
            action
            for action in self.actions
            if isinstance(action, Stop) and action.state != "stopped"
        ]
        starts = [ServiceChange(action.service.name, "start", action.state) for action in stopped]
        return [*starts, *(change for change in self.services if change.verb != "start")]

    @property
    def changed(self) -> dict[Path, Entry]:
        """The paths at which a file or a link will be another, or none, with what stands there
        before."""
        there = {
            action.path: action.before
            for action in self.actions
            if isinstance(action, Write | Remove)
        }
        return there | {
            action.path: NOTHING for action in self.actions if isinstance(action, NewLink)
        }
