"""What of a participant's home is removed, kept or left. tests/participants removes real accounts."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import pytest
from machine_sites import demo

from sitekit.base.errors import BadInput, Problem
from sitekit.machine.host import mounts_below_folder
from sitekit.machine.participants import (
    account_record,
    commands,
    create_and_remove_account,
    read_etc_passwd,
    remove_accounts,
    remove_spool_files,
)
from sitekit.machine.participants.account_record import Participant, Record
from sitekit.site import Site

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")

GONE = 61234
"""A uid that no account has."""


@pytest.fixture
def person(tmp_path: Path) -> Participant:
    """A participant with a home, whose account is gone already."""
    home = tmp_path / "training01"
    (home / "data").mkdir(parents=True)
    (home / "data" / "file").write_text("mine")
    for path in (home, home / "data", home / "data" / "file"):
        os.chown(path, GONE, GONE)
    return Participant(name="training01", uid=GONE, home=home, password="x", state="made")


@pytest.fixture
def site() -> Site:
    return demo()


def mount(monkeypatch: pytest.MonkeyPatch, file: Path, point: Path) -> None:
    """Let a filesystem be mounted there, as proc(5) describes it."""
    word = str(point).replace(" ", r"\040")
    file.write_text(f"36 35 98:0 / / rw - ext4 /dev/a rw\n37 36 0:52 / {word} rw - fuse x rw\n")
    monkeypatch.setattr(mounts_below_folder, "MOUNTS", file)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("below", ["", "data", "a folder/deep"])
def test_no_file_of_a_mounted_filesystem_is_touched(
    person: Participant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str, keep: bool
) -> None:
    mount(monkeypatch, tmp_path / "mountinfo", person.home / below)
    [line] = create_and_remove_account.remove(person, keep)
    assert f"mounted at {person.home / below}" in str(line)
    assert (person.home / "data" / "file").stat().st_uid == GONE == person.home.stat().st_uid


def test_a_mounted_filesystem_is_named_before_any_change(
    person: Participant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    monkeypatch.setattr(account_record, "FOLDER", tmp_path / "records")
    account_record.save(site, "training", Record(group="workshop", participants=[person]))
    mount(monkeypatch, tmp_path / "mountinfo", person.home / "data")
    with pytest.raises(BadInput, match="mounted") as refused:
        remove_accounts.remove(site, "training", keep_data=False, end_processes=True)
    assert refused.value.where == str(person.home / "data")
    assert account_record.load(site, "training") == Record(group="workshop", participants=[person])


def test_a_neighbour_of_the_home_is_not_in_it(
    person: Participant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount(monkeypatch, tmp_path / "mountinfo", tmp_path / "training011")
    assert list(create_and_remove_account.remove(person, keep_data=False)) == []
    assert not person.home.exists()


def test_jobs_and_mail_of_the_account_alone_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, mail, linger = (tmp_path / name for name in ("at", "mail", "linger"))
    for name, value in (("AT", (at,)), ("MAIL", (mail,)), ("LINGER", linger), ("CRONTABS", ())):
        monkeypatch.setattr(remove_spool_files, name, value)
    ours = [at / "a0001", mail / "training01", linger / "training01"]
    others = [at / "a0002", at / ".SEQ", mail / "training02", linger / "training02"]
    for path in (*ours, *others):
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.chown(path, GONE if path in ours else 0, -1)
    remove_spool_files.remove("training01", GONE)
    assert not any(path.exists() for path in ours) and all(path.exists() for path in others)


def test_no_later_participant_gets_a_uid_again(
    person: Participant, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_record, "FOLDER", tmp_path / "records")
    first = next(read_etc_passwd.free_uids())
    person.uid = first + 7
    account_record.save(site, "training", Record(group="workshop", participants=[person]))
    account_record.save(site, "training", Record(group="workshop"))
    account_record.remove(site, "training")
    assert next(read_etc_passwd.free_uids()) == first + 8
    (tmp_path / "records" / account_record.HIGHEST).write_text("many")
    with pytest.raises(Problem, match="highest uid"):
        next(read_etc_passwd.free_uids())


def test_an_interrupted_gift_of_the_home_to_root_is_completed(person: Participant) -> None:
    """hand_over gives the folder itself first."""
    os.chown(person.home, 0, 0)
    assert list(create_and_remove_account.remove(person, keep_data=True)) == []
    assert (person.home / "data" / "file").stat().st_uid == 0


def test_a_folder_of_root_is_not_removed(person: Participant) -> None:
    os.chown(person.home, 0, 0)
    [line] = create_and_remove_account.remove(person, keep_data=False)
    assert f"left {person.home}" in line and (person.home / "data" / "file").exists()


@pytest.mark.parametrize(("owner", "code"), [(GONE, 0), (GONE + 1, 1)])
def test_the_exit_code_says_whether_something_is_left_but_kept_homes(
    person: Participant, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    owner: int, code: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(account_record, "FOLDER", tmp_path / "records")
    os.chown(person.home, owner, owner)
    account_record.save(site, "training", Record(group="workshop", participants=[person]))
    monkeypatch.setattr(commands, "hold_machine_lock", nullcontext)
    assert commands.accounts_remove(site, "PREFIX=training", "DATA=keep") == code
    assert person.home.stat().st_uid == (owner if code else 0)
