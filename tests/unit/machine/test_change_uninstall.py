"""Uninstall may fail at every step and be repeated, goes by what was applied, and forgets only what
is sitekit's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from machine_sites import bare_machine, can_change, demo, family, tree

from sitekit.base.errors import Problem
from sitekit.machine.apply import commands as apply_module
from sitekit.machine.apply import kinds_of_changes
from sitekit.machine.apply.commands import apply, plan_apply
from sitekit.machine.installed import unix_accounts
from sitekit.machine.installed.manifest import load_manifest
from sitekit.machine.uninstall import uninstall as uninstall_module
from sitekit.machine.uninstall.uninstall import uninstall

pytestmark = can_change
SITE = demo()
STATE = "var/lib/sitekit/demo"


@pytest.fixture
def scratch() -> Iterator[Path]:
    """In memory: each file that is written is waited for, hundreds of times."""
    with tempfile.TemporaryDirectory(prefix="sitekit-test-", dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def machine(scratch: Path) -> Path:
    (scratch / "machine").mkdir()
    return bare_machine(scratch / "machine")


class Crash(Exception):
    """What nothing expects."""


STEPS = [(Path, "unlink"), (Path, "rmdir"), (shutil, "rmtree"), (uninstall_module, "write_atomic")]
STEPS += [(unix_accounts, f"remove_{what}") for what in ("account", "group", "member")]


def break_before(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the step number `count` of an uninstall fail before it is done."""
    steps = iter(range(1000))

    def breaking(do):
        def broken(*words: object, **more: object) -> object:
            # the tools' copies are none of its steps
            if not str(words[0]).endswith("-") and next(steps) == count:
                raise Crash(f"{do.__name__} {words}")
            return do(*words, **more)

        return broken

    for place, name in STEPS:
        monkeypatch.setattr(place, name, breaking(getattr(place, name)))


@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_uninstall_fails_at_a_step_and_a_second_one_ends_it(
    machine: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, stride: int
):
    before = tree(machine)
    apply(SITE, root=machine)
    (machine / STATE / "jupyterhub.sqlite").write_text("people\n")
    for count in range(0, 1000, stride):
        tried = scratch / "tried"
        subprocess.run(["cp", "-a", machine, tried], check=True)
        try:
            with monkeypatch.context() as broken:
                break_before(broken, count)
                uninstall(SITE, "purge", root=tried)
        except Crash as crash:
            uninstall(SITE, "purge", root=tried)
            assert tree(tried) == before, f"step {count}: {crash}"
            shutil.rmtree(tried)
        else:
            break
    assert count > len(load_manifest(SITE, machine).files)
    assert tree(tried) == before


def test_an_account_that_cannot_be_removed_is_still_known(
    machine: Path, monkeypatch: pytest.MonkeyPatch
):
    before = tree(machine)
    apply(SITE, root=machine)
    remove = unix_accounts.remove_account
    with monkeypatch.context() as broken, pytest.raises(Problem, match="userdel"):
        broken.setattr(unix_accounts, "remove_account", lambda root, name: remove(root, "nobodys"))
        uninstall(SITE, root=machine)
    assert unix_accounts.has_account(machine, "jupyterhub-daemon")
    uninstall(SITE, root=machine)
    assert tree(machine) == before


def test_a_purge_forgets_nothing_but_what_sitekit_has_made(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    """The site file was mistyped, or edited since the apply; or the folder was there before."""
    (machine / "srv/data").mkdir(parents=True)
    (machine / "srv/data/thesis").write_text("years\n")
    (machine / "var/backups/sitekit/demo").mkdir(parents=True)
    (machine / "var/backups/sitekit/demo/ours").write_text("years\n")
    before = tree(machine)
    elsewhere = demo(paths={"state": "/srv/data"})
    uninstall(elsewhere, "purge", root=machine)
    assert tree(machine) == before, "nothing is installed"
    apply(SITE, root=machine)
    (machine / STATE / "jupyterhub.sqlite").write_text("people\n")
    capsys.readouterr()
    uninstall(elsewhere, "purge", root=machine)
    assert tree(machine).keys() == before.keys()
    said = capsys.readouterr().out
    assert f"removed what was in /{STATE}" in said and "rm -r /var/backups/sitekit/demo" in said


def test_uninstall_goes_by_the_site_as_it_was_applied(machine: Path):
    apply(SITE, root=machine)
    database = machine / STATE / "jupyterhub.sqlite"
    database.write_text("people\n")
    os.chown(database, 998, 998)
    uninstall(demo(paths={"state": "/srv/data"}, hub={"user": "another"}), root=machine)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (database, database.parent)} == {
        (0, 0)
    }


def test_a_certificate_that_certbot_put_there_goes_with_the_site(
    machine: Path, monkeypatch: pytest.MonkeyPatch
):
    """As `take_certificate` replaces both files, between two applies; the site file may say
    something else by then."""
    monkeypatch.setattr(apply_module, "check", lambda *words: None)  # nginx need not be there
    before = tree(machine)
    front = {"url": "https://hub.example.org", "server": "nginx", "certificate": "acme"}
    front |= {"acme": {"contact": "admins@example.org"}}
    apply(demo(front=front), root=machine)
    for name in ("cert.pem", "key.pem"):
        (machine / "etc/sitekit/demo/tls" / name).write_text("from the authority\n")
    uninstall(SITE, root=machine)
    assert tree(machine) == before


def test_a_cut_before_the_first_record_leaves_nothing_behind(machine: Path, scratch: Path):
    """The power fails after each of the first actions, in turn: another apply and an uninstall, or
    that alone."""
    before = tree(machine)
    made = plan_apply(SITE, family(), machine).actions
    first = next(
        number for number, action in enumerate(made) if isinstance(action, kinds_of_changes.Record)
    )
    for count in range(1, first + 3):
        for again in (False, True):
            tried = scratch / "tried"
            subprocess.run(["cp", "-a", machine, tried], check=True)
            with ExitStack() as undo:
                for action in made[:count]:
                    action.do(tried, undo)
                undo.pop_all()
            if again:
                apply(SITE, root=tried)
            uninstall(SITE, root=tried)
            assert tree(tried) == before, f"after {count} actions"
            shutil.rmtree(tried)
