"""Participants cannot log in by SSH; everybody else still can. With the machine's real sshd."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.base.errors import Problem
from sitekit.machine.apply.commands import apply, diff
from sitekit.machine.system_sshd import control
from sitekit.machine.system_sshd.deny_groups import CONFIG, FOLDER, INCLUDE, denied_path
from sitekit.site import Site

from .conftest import GROUP, PREFIX, Kit

NAME = f"{PREFIX}01"
TEST = FOLDER / "10-test.conf"
SETTINGS = """PermitRootLogin prohibit-password
MaxAuthTries 20
AuthorizedKeysFile {folder}/authorized_keys
"""


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The machine's sshd at port 22, with a key for root; the folder with the key."""
    folder = tmp_path_factory.mktemp("key")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True
    )
    (folder / "key.pub").rename(folder / "authorized_keys")
    TEST.write_text(SETTINGS.format(folder=folder) + "StrictModes no\n")
    subprocess.run(["systemctl", "restart", "ssh"], check=True)
    try:
        yield folder
    finally:
        TEST.unlink()
        subprocess.run(["systemctl", "stop", "ssh"], check=True)


@pytest.fixture
def visitor() -> Iterator[tuple[str, str]]:
    """An account that is no participant, and its password."""
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", "visitor"], check=True)
    subprocess.run(["chpasswd"], input="visitor:right-word", text=True, check=True)
    yield "visitor", "right-word"
    subprocess.run(["userdel", "--remove", "visitor"], check=True, capture_output=True)


def log_in(folder: Path, user: str, password: str = "") -> bool:
    """Log in by OpenSSH's client with a password, or without one with the key."""
    askpass = folder / "askpass"
    askpass.write_text('#!/bin/sh\necho "$ANSWER"\n')
    askpass.chmod(0o700)
    argv = [
        "ssh",
        "-F",
        "/dev/null",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "NumberOfPasswordPrompts=1",
    ]
    argv += ["-o", f"UserKnownHostsFile={folder}/known", "-o", "ConnectTimeout=60"]
    way = "password" if password else "publickey"
    argv += [
        "-o",
        f"PreferredAuthentications={way}",
        "-i",
        folder / "key",
        f"{user}@127.0.0.1",
        "id",
        "-un",
    ]
    given = {
        **os.environ,
        "SSH_ASKPASS": str(askpass),
        "SSH_ASKPASS_REQUIRE": "force",
        "ANSWER": password,
    }
    done = subprocess.run(argv, env=given, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0 or "Permission denied" in done.stderr, done.stderr
    return done.returncode == 0 and done.stdout == f"{user}\n"


def without_denial(site: Site) -> Site:
    values = site.model_dump(mode="json")
    values["login"]["deny_ssh"] = []
    return Site.model_validate(values)


def test_the_right_password_is_refused_for_participants_alone(
    kit: Kit, sshd: Path, visitor: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    kit.make(1)
    password = kit.record().participants[0].password
    assert not log_in(sshd, NAME, password)
    assert log_in(sshd, *visitor) and log_in(sshd, "root")
    assert not log_in(sshd, visitor[0], "wrong-word")
    assert apply(without_denial(kit.site)) == 0
    assert not denied_path(kit.site).exists()
    assert log_in(sshd, NAME, password)
    capsys.readouterr()
    assert diff(kit.site) == 1
    shown = capsys.readouterr().out
    assert f"+DenyGroups {GROUP}" in shown and "reload          ssh" in shown
    refused_apply_is_undone(kit)
    assert log_in(sshd, "root")
    assert apply(kit.site) == 0
    assert not log_in(sshd, NAME, password)
    assert log_in(sshd, "root")


def refused_apply_is_undone(kit: Kit) -> None:
    """A line of somebody else's makes sshd refuse the whole configuration."""
    broken = FOLDER / "20-broken.conf"
    broken.write_text("NoSuchKey yes\n")
    try:
        code, printed = kit.run("apply")
        assert code == 1 and "NoSuchKey" in printed and "everything is as it was" in printed
        assert not denied_path(kit.site).exists()
    finally:
        broken.unlink()


def test_a_machine_whose_sshd_reads_no_folder_is_told_the_line(kit: Kit) -> None:
    before = CONFIG.read_text()
    CONFIG.write_text(before.replace("Include ", "#Include "))
    try:
        code, printed = kit.run("apply")
        assert code == 2 and INCLUDE in printed
        with pytest.raises(Problem, match=GROUP):
            control.test(groups=[GROUP])  # sshd's own word
    finally:
        CONFIG.write_text(before)
    control.test(groups=[GROUP])
