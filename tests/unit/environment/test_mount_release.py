"""scripts/mount-release, which a prolog runs as root, reads nothing with root's rights for the
owner of the prefix."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root runs this script")

SCRIPT = Path(__file__).parents[3] / "scripts" / "mount-release"
OWNER = pwd.getpwnam("nobody")
SECRET = b"only root may read this\n"


@dataclass
class Node:
    """A node with a prefix of nobody's, and a folder of root's for the copies of images."""

    folder: Path

    @property
    def release(self) -> Path:
        return self.folder / "prefix/releases/one"

    @property
    def image(self) -> Path:
        return self.release / "share/sitekit/release.squashfs"

    @property
    def copies(self) -> Path:
        return self.folder / "copies"

    def mount_release(self) -> str:
        """Run the script, and return what it has written to syslog."""
        log = self.folder / "syslog"
        log.write_text("")
        path = f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            [SCRIPT, self.folder / "prefix", OWNER.pw_name, self.copies],
            env={"PATH": path},
            capture_output=True,
            timeout=300,
        )
        assert done.returncode == 0, "Slurm drains a node whose prolog fails"
        assert SECRET not in done.stdout + done.stderr
        return log.read_text()

    def holds_the_secret(self) -> bool:
        return any(SECRET in file.read_bytes() for file in self.copies.glob("*.squashfs*"))


@pytest.fixture
def node() -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="sitekit-test-") as name:
        node = Node(Path(name))
        node.folder.chmod(0o755)
        node.image.parent.mkdir(parents=True)
        (node.folder / "prefix/current").symlink_to("releases/one")
        secret = node.folder / "secret"
        secret.write_bytes(SECRET)
        secret.chmod(0o600)
        logger = node.folder / "bin/logger"
        logger.parent.mkdir()
        logger.write_text(f'#!/bin/sh\necho "$@" >>{node.folder}/syslog\n')
        logger.chmod(0o755)
        write_image(node, SECRET)
        node.image.unlink()
        give_to_owner(node.folder / "prefix")
        yield node


def write_image(node: Node, content: bytes) -> None:
    """Write an image with the sum that belongs to it."""
    node.image.write_bytes(content)
    total = hashlib.sha256(content).hexdigest()
    node.image.with_name(f"{node.image.name}.sum").write_text(f"{total}  {node.image.name}\n")


def give_to_owner(top: Path) -> None:
    for path in (top, *top.rglob("*")):
        os.lchown(path, OWNER.pw_uid, OWNER.pw_gid)
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | stat.S_IRGRP | stat.S_IROTH)


def test_an_image_that_is_a_link_to_a_file_of_roots_is_not_copied(node: Node) -> None:
    node.image.symlink_to(node.folder / "secret")
    assert "has another SHA-256" in (said := node.mount_release()) or "could not be copied" in said
    assert not node.holds_the_secret() and not os.path.ismount(node.release)


def test_an_image_with_another_sum_is_not_mounted(node: Node) -> None:
    write_image(node, b"an image\n")
    node.image.write_bytes(b"another image\n")
    assert "has another SHA-256" in node.mount_release()
    assert list(node.copies.glob("*.squashfs*")) == [] and not os.path.ismount(node.release)


@pytest.mark.parametrize(
    ("current", "message"),
    [
        ("../elsewhere", "is not in"),
        ("releases/one/../../../elsewhere", "is not in"),
        ("releases/none", "is no release"),
    ],
)
def test_only_a_folder_of_releases_is_mounted_over(node: Node, current: str, message: str) -> None:
    elsewhere = node.folder / "elsewhere/share/sitekit"
    elsewhere.mkdir(parents=True)
    link = node.folder / "prefix/current"
    link.unlink()
    link.symlink_to(current)
    assert message in node.mount_release()
    assert not os.path.ismount(node.folder / "elsewhere")


def test_a_release_of_another_account_is_not_mounted_over(node: Node) -> None:
    write_image(node, b"an image\n")
    os.chown(node.release, OWNER.pw_uid - 1, -1)
    assert "belongs to somebody else" in node.mount_release()
    assert not os.path.ismount(node.release)
