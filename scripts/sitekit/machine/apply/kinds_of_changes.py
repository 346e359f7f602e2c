"""Define the kinds of changes that `make apply` makes to the machine. Each kind of change is a
class that describes, makes and undoes the change.

A change of a file or link is refused if somebody has changed the file or link after the plan was
made. If a change fails, it is undone.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from ...base.errors import Problem
from ...base.files import write_atomic
from ...site import Site
from ..host.file_to_write import File, Folder
from ..installed import unix_accounts
from ..installed.change_owner import hand_over, owners_in, set_folder
from ..installed.manifest import Manifest
from ..installed.read_and_restore_path import NOTHING, Entry, on_disk, put_back, read_entry
from ..render.accounts import Account
from ..render.services_of_site import site_supervisor
from ..supervisors import control
from ..supervisors.service import Service


class Action(Protocol):
    """The interface of a change of the machine: describe the change, make it, and undo it."""

    @property
    def what(self) -> tuple[str, str]:
        """Return the kind of the change and the changed object, such as ("new file",
        "/etc/pam.d/x")."""

    def do(self, root: Path, undo: ExitStack) -> None:
        """Make the change in the file tree `root`. Before the change, add to `undo` the functions
        that reverse it.
        """


@dataclass(frozen=True)
class NewFolder:
    """Create a directory with its owner and mode."""

    path: Path
    folder: Folder

    @property
    def what(self) -> tuple[str, str]:
        return "new folder", f"{self.path}/"

    def do(self, root: Path, undo: ExitStack) -> None:
        real = on_disk(root, self.path)
        owner = unix_accounts.numbers(root, *self.folder.whose)
        real.mkdir(0o700)
        # When the new folder is removed again, it may already contain files, such as the logs of a
        # web server that failed to start.
        undo.callback(real.rmdir if self.folder.shared else partial(shutil.rmtree, real))
        set_folder(real, owner, self.folder.mode)


@dataclass(frozen=True)
class ChangedFolder:
    """Set the owner and mode of a directory of the site.

    If `changes_hands` is true, the owner also changes for everything in the directory.
    """

    path: Path
    folder: Folder
    before: Entry
    changes_hands: bool

    @property
    def what(self) -> tuple[str, str]:
        return "owner and mode", f"{self.path}/" + (" and all in it" if self.changes_hands else "")

    def do(self, root: Path, undo: ExitStack) -> None:
        real, owner = on_disk(root, self.path), unix_accounts.numbers(root, *self.folder.whose)
        if self.changes_hands:
            undo.callback(hand_over, real, self.before.owner, self.before.mode, owners_in(real))
            hand_over(real, owner, self.folder.mode)
        else:
            undo.callback(set_folder, real, self.before.owner, self.before.mode)
            set_folder(real, owner, self.folder.mode)


@dataclass(frozen=True)
class NewGroup:
    """Create a system group."""

    name: str

    @property
    def what(self) -> tuple[str, str]:
        return "new group", self.name

    def do(self, root: Path, undo: ExitStack) -> None:
        undo.callback(_remove_group, root, self.name)
        unix_accounts.make_group(root, self.name)


@dataclass(frozen=True)
class NewAccount:
    """Create the system account of a service."""

    account: Account

    @property
    def what(self) -> tuple[str, str]:
        return "new account", self.account.name

    def do(self, root: Path, undo: ExitStack) -> None:
        undo.callback(_remove_account, root, self.account.name)
        unix_accounts.make_account(root, self.account.name, self.account.home, self.account.shell)


@dataclass(frozen=True)
class NewMember:
    """Add an account to a group."""

    user: str
    group: str
    why: str

    @property
    def what(self) -> tuple[str, str]:
        return "new member", f"{self.user} of {self.group}"

    def do(self, root: Path, undo: ExitStack) -> None:
        undo.callback(_remove_member, root, self.user, self.group)
        unix_accounts.add_member(root, self.user, self.group)


@dataclass(frozen=True)
class RemoveMember:
    """Remove a membership that sitekit added and that the site no longer needs."""

    user: str
    group: str

    @property
    def what(self) -> tuple[str, str]:
        return "removed member", f"{self.user} of {self.group}"

    def do(self, root: Path, undo: ExitStack) -> None:
        undo.callback(
            unix_accounts.put_members, root, self.group, unix_accounts.listed(root, self.group)
        )
        unix_accounts.remove_member(root, self.user, self.group)


@dataclass(frozen=True)
class Stop:
    """Stop and disable a service. A service is stopped if the new site does not have the service,
    or if another supervisor will run the service.

    `applied` is the site of the last apply. The undo of a stop does not start the service, because
    sitekit starts all services together after it has restored all files.
    """

    applied: Site
    service: Service
    state: str

    @property
    def what(self) -> tuple[str, str]:
        disable = ["disable"] if self.applied.supervisor == "systemd" else []
        return ", ".join(
            [*(["stop"] if self.state != "stopped" else []), *disable]
        ), self.service.name

    def do(self, root: Path, undo: ExitStack) -> None:
        control.stop([self.service], site_supervisor(self.applied))


@dataclass(frozen=True)
class Write:
    """Write a file. If the file is secret, its content is not displayed, and is not kept in the
    folder `before`."""

    path: Path
    file: File
    before: Entry
    secret: bool = False

    @property
    def what(self) -> tuple[str, str]:
        if self.before.kind == "nothing":
            return "new file", str(self.path)
        same = self.before.sha256 == self.file.sha256
        return "owner and mode" if same else "changed file", str(self.path)

    def do(self, root: Path, undo: ExitStack) -> None:
        _untouched(root, self.path, self.before)
        owner = unix_accounts.numbers(root, self.file.owner, self.file.group_of)
        undo.callback(put_back, root, self.path, self.before)
        write_atomic(on_disk(root, self.path), self.file.content, self.file.mode, owner)


@dataclass(frozen=True)
class NewLink:
    """Create a symbolic link at a path where nothing exists."""

    path: Path
    target: str

    @property
    def what(self) -> tuple[str, str]:
        return "new link", f"{self.path} -> {self.target}"

    def do(self, root: Path, undo: ExitStack) -> None:
        _untouched(root, self.path, NOTHING)
        undo.callback(put_back, root, self.path, NOTHING)
        on_disk(root, self.path).symlink_to(self.target)


@dataclass(frozen=True)
class Remove:
    """Remove a file or link that sitekit made and that the site no longer needs."""

    path: Path
    before: Entry
    secret: bool = False

    @property
    def what(self) -> tuple[str, str]:
        return f"removed {self.before.kind}", str(self.path)

    def do(self, root: Path, undo: ExitStack) -> None:
        _untouched(root, self.path, self.before)
        undo.callback(put_back, root, self.path, self.before)
        on_disk(root, self.path).unlink(missing_ok=True)


@dataclass(frozen=True)
class Record:
    """Write the manifest, which lists everything that sitekit has put on the machine. The manifest
    is written before the first change and again after the last change.

    The manifest that is written first also lists everything that may exist on the machine if the
    apply is interrupted.
    """

    path: Path
    manifest: Manifest

    @property
    def what(self) -> tuple[str, str]:
        return "record", str(self.path)

    def do(self, root: Path, undo: ExitStack) -> None:
        undo.callback(put_back, root, self.path, read_entry(root, self.path))
        write_atomic(on_disk(root, self.path), self.manifest.text)


def _untouched(root: Path, path: Path, before: Entry) -> None:
    """Raise Problem if the file at `path` has changed since the plan was made. `before` is the file
    at the time of the plan."""
    if read_entry(root, path) != before:
        raise Problem(
            "the file was changed while this command ran", str(path), "run the command again"
        )


def _remove_group(root: Path, name: str) -> None:
    # userdel may have removed the group together with the account (login.defs(5), USERGROUPS_ENAB)
    if unix_accounts.has_group(root, name):
        unix_accounts.remove_group(root, name)


def _remove_account(root: Path, name: str) -> None:
    if unix_accounts.has_account(root, name):
        unix_accounts.remove_account(root, name)


def _remove_member(root: Path, user: str, group: str) -> None:
    if unix_accounts.is_member(root, user, group):
        unix_accounts.remove_member(root, user, group)
