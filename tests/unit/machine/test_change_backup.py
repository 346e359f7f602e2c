"""Backup and restore: every file that a machine cannot be given again goes to another machine,
whole, or not at all."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from machine_sites import bare_machine, can_change, demo, tree

from sitekit.base.errors import BadInput, Problem
from sitekit.machine.apply.commands import apply, diff
from sitekit.machine.backup import backup as backup_module
from sitekit.machine.backup.backup import backup
from sitekit.machine.backup.restore import restore
from sitekit.machine.uninstall.uninstall import uninstall

pytestmark = can_change
SITE = demo(backup={"keep": 3})
STATE = "var/lib/sitekit/demo"
SECRETS = (
    "etc/sitekit/demo/proxy.env",
    "etc/sitekit/demo/tls/key.pem",
    "etc/sitekit/demo/tls/cert.pem",
)


@pytest.fixture
def tmp_path(open_path: Path) -> Path:
    """The hub's account reads here."""
    return open_path


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    """One with a hub's state, whose database is being written: its last rows are in the write-ahead
    log."""
    root = bare_machine(tmp_path / "old")
    apply(SITE, root=root)
    state = root / STATE
    (state / "cookie_secret").write_text("ab" * 32)
    (state / "totp").mkdir(0o700)
    (state / "totp/alice").write_text("JBSWY3DP\n")
    with closing(sqlite3.connect(state / "ledger.sqlite", isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE servers (tag TEXT)")
        writer.executemany("INSERT INTO servers VALUES (?)", [(f"tag{n}",) for n in range(1000)])
        assert (state / "ledger.sqlite-wal").stat().st_size
        for path in state.rglob("*"):
            os.chown(path, state.stat().st_uid, state.stat().st_gid)
        yield root


def made(machine: Path) -> Path:
    assert backup(SITE, root=machine) == 0
    return max((machine / "var/backups/sitekit/demo").glob("*.tar.gz"))


def tags(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT count(*) FROM servers").fetchone()[0]


def test_courses_in_another_folder_are_in_it_too(machine: Path, tmp_path: Path):
    """Their place may be another machine's disk, so that they come back into the checkout."""
    folder = machine / "srv/courses"
    folder.mkdir(parents=True)
    (folder / "bio101.yml").write_text("title: Bio\n")
    (folder / "bio101.csv").write_text("alice\n")
    (folder / "chem.yml").symlink_to("/etc/shadow")
    os.mkfifo(folder / "maths.yml")
    paths = SITE.paths.model_copy(update={"courses": Path("/srv/courses")})
    site = SITE.model_copy(update={"paths": paths})
    assert backup(site, root=machine) == 0
    archive = max((machine / "var/backups/sitekit/demo").glob("*.tar.gz"))
    other, checkout = bare_machine(tmp_path / "new"), tmp_path / "checkout"
    (checkout / "config/courses").mkdir(parents=True)
    assert restore(str(archive), root=other, checkout=checkout) == 0
    courses = {path.name: path.read_text() for path in (checkout / "config/courses").iterdir()}
    assert courses == {"bio101.yml": "title: Bio\n", "bio101.csv": "alice\n"}
    shutil.rmtree(folder)
    assert backup(site, root=machine) == 1, "a disk that is not mounted"


def test_a_round_trip_to_another_machine(machine: Path, tmp_path: Path):
    archive, other = made(machine), bare_machine(tmp_path / "new")
    bare = tree(other)
    assert (
        archive.stat().st_mode & 0o777 == 0o600 and archive.parent.stat().st_mode & 0o777 == 0o700
    )
    assert restore(str(archive), root=other, checkout=tmp_path / "checkout") == 0
    state = other / STATE
    assert state.stat().st_mode & 0o777 == 0o700 and state.stat().st_uid == 0, (
        "root's, until apply hands it over"
    )
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in state.rglob("*") if path.is_file())
    assert apply(SITE, root=other) == 0 and diff(SITE, root=other) == 0
    assert tags(state / "ledger.sqlite") == 1000
    for name in (*SECRETS, f"{STATE}/cookie_secret", f"{STATE}/totp/alice"):
        assert (other / name).read_bytes() == (machine / name).read_bytes(), name
    hub = next(
        row.split(":")
        for row in (other / "etc/passwd").read_text().splitlines()
        if row.startswith("jupyterhub-d")
    )
    assert {path.stat().st_uid for path in state.rglob("*")} == {int(hub[2])}
    assert not list(state.glob("*-wal")), "a copy needs no log"
    uninstall(SITE, "purge", root=other)
    assert tree(other) == bare, "what restore brought is recorded like all else"


def test_the_hub_may_write_meanwhile_and_keeps_its_files(machine: Path):
    before = {path: path.stat().st_uid for path in (machine / STATE).iterdir()}
    made(machine)
    assert {path: path.stat().st_uid for path in (machine / STATE).iterdir()} == before


def test_what_a_person_wrote_goes_beside_what_is_there(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for checkout in (ours, theirs):
        (checkout / "config/local.d").mkdir(parents=True)
        (checkout / "config/site.yml").write_text(f"# {checkout.name}\n")
    written = (
        "environment.yml",
        "environment.lock",
        "config/environment.yml",
        "config/kernels.yml",
    )
    (ours / "Makefile").touch()
    (ours / "config/local.d/extra.py").write_text("c.x = 1\n")
    for name in written:
        (ours / name).write_text(f"# {name} of ours\n")
    monkeypatch.setattr(backup_module, "CHECKOUT", ours)
    restore(str(made(machine)), root=bare_machine(tmp_path / "new"), checkout=theirs)
    assert (theirs / "config/site.yml").read_text() == "# theirs\n"
    assert (theirs / "config/site.yml.new").read_text() == "# ours\n"
    assert (theirs / "config/local.d/extra.py").read_text() == "c.x = 1\n"
    for name in written:
        assert (theirs / name).read_text() == f"# {name} of ours\n"


def test_only_so_many_stay(machine: Path, monkeypatch: pytest.MonkeyPatch):
    moments = (f"moment{number}" for number in range(1000))
    monkeypatch.setattr(backup_module.time, "strftime", lambda *form: next(moments))
    archives = [made(machine).name for _ in range(5)]
    assert (
        sorted(path.name for path in (machine / "var/backups/sitekit/demo").iterdir())
        == archives[-3:]
    )


def repacked(archive: Path, to: Path, change) -> Path:
    """The archive with its members changed: name -> content; None takes one out."""
    with tarfile.open(archive) as old, tarfile.open(to, "w:gz") as new:
        members = {member.name: old.extractfile(member).read() for member in old if member.isreg()}
        for name, content in {**members, **change(members)}.items():
            if content is not None:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                new.addfile(entry, io.BytesIO(content))
    return to


def relisted(members: dict[str, bytes], name: str, as_name: str) -> dict[str, bytes | None]:
    """Another name for a member, also in the list: only its name is wrong."""
    index = json.loads(members["backup.json"])
    index["sha256"][as_name] = index["sha256"].pop(name)
    return {as_name: members[name], name: None, "backup.json": json.dumps(index).encode()}


DAMAGES = {
    "one byte": (
        lambda m: {f"{STATE}/cookie_secret": b"cd" + m[f"{STATE}/cookie_secret"][2:]},
        "cookie_secret",
    ),
    "a file is missing": (lambda m: {f"{STATE}/ledger.sqlite": None}, "ledger.sqlite"),
    "a file too many": (lambda m: {f"{STATE}/evil": b""}, "evil"),
    "no list": (lambda m: {"backup.json": None}, "not a backup"),
    "another list": (lambda m: {"backup.json": b'["x"]'}, "not a backup"),
    "a list of numbers": (lambda m: {"backup.json": b'{"sha256": 7}'}, "not a backup"),
    "a way out": (
        lambda m: relisted(m, f"{STATE}/totp/alice", f"{STATE}/../../../../etc/cron.d/x"),
        "cron",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_is_refused_before_anything_changes(
    damage: str, machine: Path, tmp_path: Path
):
    change, words = DAMAGES[damage]
    archive = repacked(made(machine), tmp_path / "damaged.tar.gz", change)
    other = bare_machine(tmp_path / "new")
    before = tree(other)
    with pytest.raises(BadInput, match=words):
        restore(str(archive), root=other, checkout=tmp_path / "checkout")
    assert tree(other) == before


def test_a_file_that_belongs_nowhere_is_refused(machine: Path, tmp_path: Path):
    """Even from a list that agrees: only the site's own folders are written."""
    name = f"{STATE}/totp/alice"
    archive = repacked(
        made(machine), tmp_path / "moved.tar.gz", lambda m: relisted(m, name, "etc/cron.d/evil")
    )
    other = bare_machine(tmp_path / "new")
    before = tree(other)
    with pytest.raises(BadInput, match=r"cron\.d/evil"):
        restore(str(archive), root=other, checkout=tmp_path / "checkout")
    assert tree(other) == before


@pytest.mark.parametrize("words", [(), ("a", "b"), ("/nonexistent",), ("/etc/passwd",)])
def test_what_is_no_backup_is_refused(words: tuple[str, ...], tmp_path: Path):
    with pytest.raises(BadInput):
        restore(*words, root=bare_machine(tmp_path))


def test_nothing_that_is_there_is_overwritten(machine: Path, tmp_path: Path):
    archive = made(machine)
    before = tree(machine)
    with pytest.raises(
        BadInput, match=r"(?s)/var/lib/sitekit/demo: it is not empty.*mv /var/lib/sitekit/demo"
    ):
        restore(str(archive), root=machine, checkout=tmp_path / "checkout")
    assert tree(machine) == before

    other = bare_machine(tmp_path / "new")
    (other / "etc/sitekit/demo").mkdir(parents=True)
    (other / "etc/sitekit/demo/proxy.env").write_text("mine\n")
    before = tree(other)
    with pytest.raises(BadInput, match=r"proxy\.env: another file is there"):
        restore(str(archive), root=other, checkout=tmp_path / "checkout")
    assert tree(other) == before


def test_nothing_is_put_where_others_could_lead_it_elsewhere(machine: Path, tmp_path: Path):
    archive, other = made(machine), bare_machine(tmp_path / "new")
    (other / "data/sitekit").mkdir(parents=True)
    os.chown(other / "data", 33, 33)
    (other / "var/lib/sitekit").symlink_to("../../data/sitekit")
    before = tree(other)
    with pytest.raises(BadInput, match=r"other accounts than root can write to .*/data,"):
        restore(str(archive), root=other, checkout=tmp_path / "checkout")
    assert tree(other) == before


def test_a_damaged_database_is_told_and_the_backups_stay(machine: Path):
    archive = made(machine)
    (machine / STATE / "jupyterhub.sqlite").write_bytes(b"SQLite format 3\0" + b"nonsense" * 1000)
    with pytest.raises(Problem, match=r"jupyterhub\.sqlite: the database is damaged"):
        backup(SITE, root=machine)
    assert list(archive.parent.iterdir()) == [archive]


def test_what_a_killed_hub_left_half_done_is_backed_up_as_it_was_before(
    machine: Path, tmp_path: Path
):
    """SQLite's journal is hot then: who may not write cannot read either."""
    state, aside = machine / STATE, tmp_path / "aside"
    aside.mkdir()
    with closing(sqlite3.connect(aside / "hot.sqlite")) as hub:
        hub.execute("CREATE TABLE servers (tag TEXT)")
        hub.executemany("INSERT INTO servers VALUES (?)", [("before" * 100,)] * 1000)
        hub.commit()
        hub.execute("PRAGMA cache_size=5")
        hub.execute("UPDATE servers SET tag = 'after'")
        for name in ("hot.sqlite", "hot.sqlite-journal"):
            shutil.copy(aside / name, state / name)
            shutil.chown(state / name, state.stat().st_uid)
    with tarfile.open(made(machine)) as archive:
        (tmp_path / "copy").write_bytes(archive.extractfile(f"{STATE}/hot.sqlite").read())
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("SELECT DISTINCT tag, count(*) FROM servers").fetchall() == [
            ("before" * 100, 1000)
        ]


def test_uninstall_keeps_the_memory_until_it_is_told_to_forget(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    archive = made(machine)
    uninstall(SITE, root=machine)
    said = capsys.readouterr().out
    assert f"left /{STATE}" in said and "left /var/backups/sitekit/demo" in said
    assert archive.exists() and (machine / STATE).stat().st_uid == 0
    uninstall(SITE, "purge", root=machine)
    assert archive.exists(), "whose it is by now, nothing tells any more"
    apply(SITE, root=machine)
    capsys.readouterr()
    uninstall(SITE, "purge", root=machine)
    assert (
        archive.exists()
        and "remove it with: rm -r /var/backups/sitekit/demo" in capsys.readouterr().out
    )
    with pytest.raises(BadInput):
        uninstall(SITE, "perge", root=machine)
