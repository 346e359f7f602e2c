"""The kinds of change. Each says what it is, is done, and leaves behind how it is undone, even when
it fails halfway.

An action knows what stood there before; if that is not so any more when its turn comes, it refuses.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from ...base.command import CommandFailed
from ...base.errors import Problem
from ...base.files import write_atomic
from ...site import Site
from ..host.file import File, Folder
from ..host.platform import WebServer
from ..installed import unix_accounts
from ..installed.entries import MACHINE, NOTHING, Entry, look, on_disk, put_back
from ..installed.manifest import Manifest
from ..installed.ownership import hand_over, owners_in, set_folder
from ..render.accounts import Account
from ..render.services import site_supervisor
from ..supervisors import control
from ..supervisors.service import Service
from ..web import system_server
from ..web.whole_config import check_whole


class Action(Protocol):
    """One change of the machine."""

    @property
    def what(self) -> tuple[str, str]:
        """The kind of the change and its object, such as ("new file", "/etc/pam.d/sitekit-main")."""

    def do(self, root: Path, undo: ExitStack) -> None:
        """Do it in the tree `root`. Whatever has to be undone later is pushed on `undo` before it
        is done."""


@dataclass(frozen=True)
class NewFolder:
    """A directory, with its owner and mode from the beginning."""

    path: Path
    folder: Folder

    @property
    def what(self) -> tuple[str, str]:
        return "new folder", f"{self.path}/"

    def do(self, root: Path, undo: ExitStack) -> None:
        real = on_disk(root, self.path)
        owner = unix_accounts.numbers(root, self.folder.owner)
        real.mkdir(0o700)
        # In the site's own there may be more by then, such as the logs of a web server that did not
        # take the site in.
        undo.callback(real.rmdir if self.folder.shared else partial(shutil.rmtree, real))
        set_folder(real, owner, self.folder.mode)


@dataclass(frozen=True)
class ChangedFolder:
    """A directory of the site's own that gets its owner and mode; what lies in a service's changes
    hands with it."""

    path: Path
    folder: Folder
    before: Entry
    changes_hands: bool

    @property
    def what(self) -> tuple[str, str]:
        return "owner and mode", f"{self.path}/" + (" and all in it" if self.changes_hands else "")

    def do(self, root: Path, undo: ExitStack) -> None:
        real, owner = on_disk(root, self.path), unix_accounts.numbers(root, self.folder.owner)
        if self.changes_hands:
            undo.callback(hand_over, real, self.before.owner, self.before.mode, owners_in(real))
            hand_over(real, owner, self.folder.mode)
        else:
            undo.callback(set_folder, real, self.before.owner, self.before.mode)
            set_folder(real, owner, self.folder.mode)


@dataclass(frozen=True)
class NewGroup:
    name: str

    @property
    def what(self) -> tuple[str, str]:
        return "new group", self.name

    def do(self, root: Path, undo: ExitStack) -> None:
        undo.callback(_remove_group, root, self.name)
        unix_accounts.make_group(root, self.name)


@dataclass(frozen=True)
class NewAccount:
    account: Account

    @property
    def what(self) -> tuple[str, str]:
        return "new account", self.account.name

    def do(self, root: Path, undo: ExitStack) -> None:
        undo.callback(_remove_account, root, self.account.name)
        unix_accounts.make_account(root, self.account.name, self.account.home, self.account.shell)


@dataclass(frozen=True)
class NewMember:
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
    """A membership that sitekit made, and that the site does not need any more."""

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
    """A service that the site as `applied` has, and will not have any more, or not under this
    supervisor.

    It does not start again here, but with the other services: when the last of its files is back.
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
    """A file, new or in the place of what sitekit wrote there before. A secret is neither shown nor
    kept."""

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
    """A symbolic link where nothing stands."""

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
    """A file or a link that sitekit made, and that the site does not ask for any more."""

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
    """The manifest, written before the first change with all that may become so, and after the last
    with what is so."""

    path: Path
    manifest: Manifest

    @property
    def what(self) -> tuple[str, str]:
        return "record", str(self.path)

    def do(self, root: Path, undo: ExitStack) -> None:
        undo.callback(put_back, root, self.path, look(root, self.path))
        write_atomic(on_disk(root, self.path), self.manifest.text)


@dataclass(frozen=True)
class Tested:
    """The machine's own web server reads all of its configuration, as it is now, before it has to
    use it."""

    web: WebServer

    @property
    def what(self) -> tuple[str, str]:
        return "test", self.web.control.test

    def do(self, root: Path, undo: ExitStack) -> None:
        if root == MACHINE:
            try:
                system_server.test(self.web)
                if system_server.state(self.web).word == "running":
                    check_whole(self.web)
            except CommandFailed as refused:
                refused.remedy = (
                    f"mend what it names, so that {self.web.service} can take the site in"
                )
                raise


def _untouched(root: Path, path: Path, before: Entry) -> None:
    """Raises Problem."""
    if look(root, path) != before:
        raise Problem("somebody changed it at this very moment", str(path), "run it again")


def _remove_group(root: Path, name: str) -> None:
    # userdel may have taken it along (login.defs(5), USERGROUPS_ENAB)
    if unix_accounts.has_group(root, name):
        unix_accounts.remove_group(root, name)


def _remove_account(root: Path, name: str) -> None:
    if unix_accounts.has_account(root, name):
        unix_accounts.remove_account(root, name)


def _remove_member(root: Path, user: str, group: str) -> None:
    if unix_accounts.is_member(root, user, group):
        unix_accounts.remove_member(root, user, group)
