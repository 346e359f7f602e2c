"""Secrets that a site brings: refused where people can read them, with the chmod that helps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from machine_sites import bare_machine, demo

from sitekit.base.errors import BadInput
from sitekit.machine.checks.secret_file_modes import check_secrecy
from sitekit.machine.host.target import Target

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to groups")
KEY, SECRET = "/etc/keys/own.key", "/etc/keys/openid-secret"
OPENID = {
    "provider": "https://login.example.org/x",
    "client_id": "jupyter",
    "client_secret": SECRET,
}
SITE = demo(
    front={
        "url": "https://jupyter.example.org",
        "certificate": {"certificate": "/etc/ssl/own.pem", "key": KEY},
        "outside": {"inside": ["10.0.0.0/8"], "method": "openid", "openid": OPENID},
    }
)
SSL_CERT, STAFF, CLASS, WEB = 110, 50, 2000, 33


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """With a service in ssl-cert, a person in a group of the system's, and both secrets as they
    should be."""
    root = bare_machine(tmp_path)
    with (root / "etc/passwd").open("a") as passwd, (root / "etc/group").open("a") as group:
        passwd.write("alice:x:1000:2000::/:/bin/sh\npostgres:x:105:105::/:/bin/sh\n")
        group.write("ssl-cert:x:110:postgres,alice\nstaff:x:50:alice,left\n")
    folder = root / "etc/keys"
    folder.mkdir(mode=0o755)
    for path in (KEY, SECRET):
        (root / path[1:]).write_text("secret")
        (root / path[1:]).chmod(0o600)
    root.chmod(0o755)
    return root


def given(root: Path, path: str, mode: int, gid: int) -> None:
    os.chown(root / path[1:], 0, gid)
    (root / path[1:]).chmod(mode)


FOLDER = "/etc/keys"


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ((0o600, 0), (0o755, 0)),
        ((0o640, 0), (0o755, 0)),
        ((0o640, SSL_CERT), (0o710, SSL_CERT)),
        ((0o640, WEB), (0o755, 0)),
        ((0o644, 0), (0o700, 0)),
        ((0o644, 0), (0o710, SSL_CERT)),
        ((0o644, STAFF), (0o700, 0)),
    ],
)
def test_what_no_person_can_read_is_taken(
    machine: Path, file: tuple[int, int], folder: tuple[int, int]
) -> None:
    given(machine, KEY, *file)
    given(machine, FOLDER, *folder)
    check_secrecy(Target(SITE, machine))


@pytest.mark.parametrize(
    ("file", "folder", "who", "remedy"),
    [
        ((0o644, 0), (0o755, 0), "everybody", f"chmod o-r {KEY}"),
        ((0o644, SSL_CERT), (0o711, 0), "everybody", f"chmod o-r {KEY}"),
        ((0o644, CLASS), (0o755, 0), "everybody and", f"chmod go-r {KEY}"),
        ((0o640, CLASS), (0o755, 0), "", f"chmod g-r {KEY}"),
        ((0o640, STAFF), (0o755, 0), "", f"chmod g-r {KEY}"),
        ((0o644, 0), (0o750, CLASS), "", f"chmod o-r {KEY}"),
    ],
)
def test_what_people_can_read_is_refused(
    machine: Path, file: tuple[int, int], folder: tuple[int, int], who: str, remedy: str
) -> None:
    given(machine, KEY, *file)
    given(machine, FOLDER, *folder)
    with pytest.raises(
        BadInput, match=f"{KEY} can be read by {who}.* can pass for this site"
    ) as refused:
        check_secrecy(Target(SITE, machine))
    told = str(refused.value)
    assert "front.certificate.key" in told and remedy in told and SECRET not in told


def test_both_are_told_at_once_and_what_is_missing_is_not(machine: Path) -> None:
    for path in (KEY, SECRET):
        given(machine, path, 0o644, 0)
    with pytest.raises(BadInput) as refused:
        check_secrecy(Target(SITE, machine))
    assert f"chmod o-r {KEY}" in str(refused.value) and f"chmod o-r {SECRET}" in str(refused.value)
    for path in (KEY, SECRET):
        (machine / path[1:]).unlink()
    check_secrecy(Target(SITE, machine))
