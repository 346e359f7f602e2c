"""Define the actions that test the whole configuration of the machine's own web server and sshd,
before they are reloaded."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ...base.run_program import CommandFailed
from ..host.platform import WebServer
from ..installed.read_and_restore_path import MACHINE
from ..system_sshd import control as system_sshd
from ..web import system_server
from ..web.find_apache_reload_faults import check_whole


@dataclass(frozen=True)
class CheckWebServer:
    """Test the configuration of the machine's own web server before it is reloaded."""

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
            except CommandFailed as failure:
                failure.remedy = f"mend what it names so that {self.web.service} can load the site"
                raise


@dataclass(frozen=True)
class CheckSshd:
    """Test the configuration of the machine's own sshd with the new rule that refuses some groups,
    before sshd is reloaded."""

    groups: tuple[str, ...]

    @property
    def what(self) -> tuple[str, str]:
        return "test", "sshd -T"

    def do(self, root: Path, undo: ExitStack) -> None:
        if root == MACHINE:
            system_sshd.test(groups=self.groups)
