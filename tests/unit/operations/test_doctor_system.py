"""Checks of the operating system and of sudo's settings, with answers that machines have given."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sitekit.base.data_files import data
from sitekit.base.finding import Finding, Severity
from sitekit.machine.host.platform import platforms
from sitekit.operations.doctor import check_access_as_account
from sitekit.operations.doctor.checks import sudo, system
from sitekit.operations.doctor.context import Context
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))


def context(**parts: Any) -> Any:
    return SimpleNamespace(site=SimpleNamespace(hub=SITE.hub, **parts), user=None, patience=1)


def whats(found: Iterator[Finding]) -> list[str]:
    return [one.what for one in found]


@pytest.mark.parametrize(
    ("addresses", "worst"),
    [
        (["127.0.0.1"], None),
        (["127.0.0.1", "::1"], None),
        (["::1"], Severity.WARNING),
        (["192.0.2.7"], Severity.ERROR),
        ([], Severity.ERROR),
    ],
)
def test_localhost_is_this_machine(
    addresses: list[str], worst: Severity | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: Any, **__: Any) -> list[Any]:
        if not addresses:
            raise socket.gaierror(-2, "Name or service not known")
        return [(0, 0, 0, "", (one, 0)) for one in addresses]

    monkeypatch.setattr(system.socket, "getaddrinfo", look_up)
    found = list(system.localhost(context()))
    assert max((one.severity for one in found), default=None) == worst


def test_a_folder_from_the_future_means_a_clock_that_was_set_back(tmp_path: Path) -> None:
    here = context(etc=tmp_path, run=tmp_path / "none", log=tmp_path)
    assert whats(system.clock(here)) == []
    os.utime(tmp_path, (time.time(), time.time() + 7200))
    [what] = whats(system.clock(here))
    assert re.fullmatch(r"a folder of the site is 1[12]\d minutes from the future", what)


def test_a_full_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = dict(f_blocks=100, f_bavail=0, f_frsize=4096, f_files=100, f_favail=50)
    monkeypatch.setattr(system.os, "statvfs", lambda _: SimpleNamespace(**usage))
    assert whats(system.run_space(context(run=tmp_path))) == ["it is full: 0 bytes free"] * 2
    usage |= {"f_bavail": 100, "f_favail": 0}
    assert whats(system.run_space(context(run=tmp_path / "none"))) == ["no inode is free"]


def test_what_an_account_cannot_use_is_named_with_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = {str(tmp_path): "wx", str(tmp_path / "null"): "rw"}
    monkeypatch.setattr(system, "SHARED", shared)
    here = Context(SITE, platforms()["debian"], None, root=True)
    look_as = check_access_as_account.look_as
    monkeypatch.setattr(here, "look_as", lambda who, **asked: look_as(None, asked, seconds=300))
    [one] = system.shared_places(here)
    assert one.what == f"as {SITE.hub.user}: {tmp_path}/null: No such file or directory"
    (tmp_path / "null").touch()
    assert list(system.shared_places(here)) == []


SUDO_SAYS = """\
Matching Defaults entries for jupyterhub-daemon on hub:
    env_reset, mail_badpass, secure_path=/usr/sbin\\:/usr/bin, use_pty, noexec,
    requiretty

User jupyterhub-daemon may run the following commands on hub:
    (%jupyter-users) NOPASSWD: /usr/local/libexec/sitekit/demo/gate ""
    (root) NOPASSWD: /opt/log_input, intercept
"""


def test_settings_of_sudo_that_stop_the_gate_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said, refused = [SUDO_SAYS], [""]
    monkeypatch.setattr(
        sudo, "run", lambda *_, **__: SimpleNamespace(stdout=said[0], stderr=refused[0])
    )
    found = list(sudo.settings(context()))
    assert [one.what.partition(" ")[0] for one in found] == ["noexec", "requiretty"]
    assert all(f"Defaults:{SITE.hub.user} !" in one.remedy and one.why for one in found)
    said[0] = SUDO_SAYS.replace(" noexec,", " !noexec,").replace("requiretty", "lecture=never")
    assert list(sudo.settings(context())) == []
    said[0], refused[0] = "", "sudo: sorry, you must have a tty to run sudo\n"
    assert whats(sudo.settings(context())) == [f"requiretty is set for {SITE.hub.user}"]
