"""What `make apply` makes for tunnels, who may read it, and that all of it goes again."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden_sites import site_of
from machine_sites import bare_machine, can_change, tree

from sitekit.base.public_key_path import public_key
from sitekit.contracts import tunnel_paths
from sitekit.machine.apply.commands import apply
from sitekit.machine.installed import unix_accounts
from sitekit.machine.installed.applied_site import applied
from sitekit.machine.render.tunnel import tunnel_files, tunnel_key_paths
from sitekit.machine.uninstall.uninstall import uninstall

pytestmark = can_change
SITE, _ = site_of("demo-tunnel")
WITHOUT, _ = site_of("demo-ssh")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    root = bare_machine(tmp_path / "machine")
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin/sshd").touch()
    return root


def at(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def test_keys_and_open_tunnels_are_for_one_account_each(machine: Path) -> None:
    apply(SITE, root=machine)
    numbers = {
        user: unix_accounts.numbers(machine, user)
        for user in ("root", "jupyterhub-daemon", "jupyterhub-tunnel")
    }
    owners = {
        tunnel_paths.host_key(SITE): ("jupyterhub-tunnel", 0o400),
        tunnel_paths.authority(SITE): ("jupyterhub-daemon", 0o400),
        public_key(tunnel_paths.authority(SITE)): ("root", 0o644),
        SITE.libexec / "tunnel_principals": ("root", 0o755),
        SITE.libexec / "tunnel_sshd": ("root", 0o755),
        SITE.libexec / "tunnel.json": ("root", 0o644),
    }
    for path, (user, mode) in owners.items():
        status = at(machine, path).stat()
        assert (status.st_mode & 0o7777, status.st_uid) == (mode, numbers[user][0]), path
    folder = at(machine, tunnel_paths.entries(SITE)).stat()
    assert folder.st_mode & 0o7777 == 0o2750
    assert folder.st_uid == numbers["jupyterhub-daemon"][0]
    assert folder.st_gid == numbers["jupyterhub-tunnel"][1]


def test_a_second_apply_keeps_keys_and_open_tunnels(machine: Path) -> None:
    apply(SITE, root=machine)
    (at(machine, tunnel_paths.entries(SITE)) / ("a" * 16)).write_text("12000")
    before = tree(machine)
    assert apply(SITE, root=machine) == 0
    assert tree(machine) == before


def test_without_tunnels_the_keys_go(machine: Path) -> None:
    apply(SITE, root=machine)
    assert apply(WITHOUT, root=machine) == 0
    gone = {*tunnel_files(SITE), *tunnel_key_paths(SITE)}
    assert len(gone) == 8 and not [path for path in gone if at(machine, path).exists()]
    assert "tunnel" not in at(machine, SITE.etc / "supervisord.conf").read_text()


def test_uninstall_leaves_nothing(machine: Path) -> None:
    before = tree(machine)
    apply(SITE, root=machine)
    (at(machine, tunnel_paths.entries(SITE)) / ("a" * 16)).write_text("12000")
    assert uninstall(SITE, root=machine) == 0
    assert tree(machine) == before


def test_what_another_sitekit_says_of_tunnels_does_not_hinder(machine: Path) -> None:
    """It may know more keys; those that are known here decide which service is stopped."""
    apply(SITE, root=machine)
    path = at(machine, SITE.etc / "site.yml")
    path.write_text(path.read_text().replace("    tunnel:\n", "    tunnel:\n      colour: blue\n"))
    assert "colour: blue" in path.read_text()
    assert applied(WITHOUT, machine).tunnel == SITE.tunnel
