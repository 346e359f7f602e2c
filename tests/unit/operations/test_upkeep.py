"""Which release a program has, what may be removed, where rollback goes; and the hub's database
beside all that."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import kernel_site
import pytest
import release_parts as parts
from tests.old_database import downgrade, in_release
from tests.slurm import until

from sitekit.base.errors import BadInput, Problem
from sitekit.environment import build_release as build
from sitekit.environment.channel.solve_environment import Solution, difference, kept_lock
from sitekit.environment.release import releases
from sitekit.environment.release.releases import Release
from sitekit.environment.release.remove_releases import DOCS_MARK
from sitekit.environment.wheels.environment_yml import read_packages
from sitekit.machine.run import database
from sitekit.operations.upgrade import commands
from sitekit.operations.upgrade.releases_in_use import (
    EARLY,
    LATE,
    NOT_HERE,
    Uses,
    release_users,
    releases_around,
)
from sitekit.site import Site
from sitekit.site.settings import Hub, Paths

ADD_ALICE = Path(__file__).parent / "programs" / "add_alice.py"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return parts.site_at(tmp_path, "conda-forge").model_copy(update={"name": "nowhere"})


@pytest.fixture
def make(site: Site) -> Callable[..., Release]:
    """A release of one package; `whole` unless told otherwise, and in use."""

    def made(version: str, whole: bool = True) -> Release:
        site.releases.mkdir(parents=True, exist_ok=True)
        (site.paths.prefix / ".cache/packages").mkdir(parents=True, exist_ok=True)
        package = {
            "name": "a",
            "version": version,
            "build": "0",
            "url": f"file:///c/a-{version}.conda",
            "sha256": "ab",
        }
        solution = Solution("wheels", ".", ["file:///c"], ["a"], [], [package], "version: 7\n")
        release = releases.begin(site, solution, {"hash": "k"}, "x", "y")
        release = releases.note(release, begun=f"2026-11-20T10:00:0{version}+0000")
        if whole:
            release = releases.finish(release)
            releases.switch_current_release(site, release)
        return release

    return made


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Uses:
    """Whom the commands find using releases; filled in by the tests."""
    found = Uses()
    monkeypatch.setattr(commands, "release_users", lambda _: found)
    return found


PAST = [(1000.0, "one"), (5000.0, "two"), (9000.0, "three")]


@pytest.mark.parametrize(
    ("start", "certain", "possible"),
    [
        (3000, "one", {"one"}),
        (5000 - LATE - 1, "one", {"one"}),
        (5000 - LATE, "one", {"one", "two"}),
        (5000 + EARLY - 1, "two", {"one", "two"}),
        (5000 + EARLY, "two", {"two"}),
        (20000, "three", {"three"}),
        (1000, "one", None),
        (500, None, None),
    ],
)
def test_the_start_of_a_program_tells_its_release(
    start: float, certain: str, possible: set[str] | None
) -> None:
    assert releases_around(PAST, start) == (certain, possible)


def test_the_history_survives_a_cut_line_and_a_hand_that_moved_the_link(
    make: Callable[..., Release], site: Site
) -> None:
    first, second = make("1"), make("2")
    with (site.releases / releases.HISTORY).open("a") as file:
        file.write('{"at": 1')
    assert [name for _, name in releases.history(site)] == [first.name, second.name]
    site.current.unlink()
    site.current.symlink_to(f"releases/{first.name}")
    at, name = releases.history(site)[-1]
    assert (at, name) == (site.current.lstat().st_mtime, first.name)


def test_programs_of_this_machine_are_seen(make: Callable[..., Release], site: Site) -> None:
    release = make("1")
    (release.path / "bin").mkdir()
    (release.path / "bin/python").symlink_to(sys.executable)
    running = subprocess.Popen(
        [release.path / "bin/python", "-c", "input()"], stdin=subprocess.PIPE
    )
    try:
        # once it is that program
        until(lambda: release_users(site).certain.get(release.name), 120)
        assert release_users(site).certain[release.name] == [f"input() (process {running.pid})"]
    finally:
        running.communicate()
    assert release.name not in release_users(site).certain


def test_rollback_goes_where_the_link_was_before(make: Callable[..., Release], site: Site) -> None:
    first, second, third = make("1"), make("2"), make("3")
    make("4", whole=False)
    releases.switch_current_release(site, first)
    commands.rollback(site)
    assert releases.current(site) == third.path
    commands.rollback(site)
    assert releases.current(site) == first.path
    commands.rollback(site, second.name)
    assert releases.current(site) == second.path


def test_a_rollback_puts_the_lock_back_so_that_setup_conda_agrees(
    make: Callable[..., Release],
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(build, "LOCK", site.paths.prefix / "environment.lock")
    first, second = make("1"), make("2")
    commands.rollback(site)
    assert "another environment.yml" in capsys.readouterr().out
    assert not build.LOCK.exists()
    packages = read_packages()
    for release in (first, second):
        releases.note(release, dependencies=packages.digest)
    for release in (second, first):
        commands.rollback(site, release.name)
        assert kept_lock(build.LOCK, packages) == release.solution.locked(packages)


def test_rollback_to_what_cannot_be_used_is_refused(
    make: Callable[..., Release], site: Site
) -> None:
    first = make("1")
    with pytest.raises(Problem, match="no other release"):
        commands.rollback(site)
    unfinished = make("2", whole=False)
    with pytest.raises(BadInput, match="never finished and verified"):
        commands.rollback(site, unfinished.name)
    with pytest.raises(BadInput, match="there is no release 2000"):
        commands.rollback(site, "2000-01-01-00000000")
    assert releases.current(site) == first.path


def test_pruning_keeps_the_newest_the_current_and_the_used(
    make: Callable[..., Release], site: Site, nobody: Uses, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [make(str(number)) for number in range(5)]
    failed = make("9", whole=False)
    aside = releases.set_aside(failed, "no")
    releases.switch_current_release(site, made[0])
    nobody.certain[made[1].name] = ["alice's server (job 7)"]
    nobody.perhaps[made[2].name] = ["bob's server (job 8)"]
    commands.prune_releases(site, "1")
    left = {release.name for release in releases.releases(site)}
    assert left == {made[0].name, made[1].name, made[2].name, made[4].name}
    assert not aside.exists()
    assert f"kept {made[2].name}: bob's server (job 8)?" in capsys.readouterr().out


def test_pruning_needs_to_see_who_uses_what(
    make: Callable[..., Release], site: Site, nobody: Uses
) -> None:
    make("1"), make("2"), make("3")
    nobody.unseen["Slurm does not say"] = "ask it again"
    for command in (commands.prune_releases, commands.uninstall_environment):
        with pytest.raises(Problem, match="not removing anything: Slurm does not say") as refused:
            command(site)
        assert refused.value.remedy == "ask it again"
    assert len(releases.releases(site)) == 3


def test_what_cannot_be_seen_is_shown_as_unknown(
    make: Callable[..., Release], site: Site, nobody: Uses, capsys: pytest.CaptureFixture[str]
) -> None:
    release = make("1")
    nobody.certain[release.name] = ["jupyterhub (process 1)"]
    commands.releases(site)
    assert "unknown" not in capsys.readouterr().out
    nobody.unseen["Slurm does not say"] = "ask it again"
    commands.releases(site)
    told = capsys.readouterr().out
    assert "jupyterhub (process 1), unknown" in told and "Slurm does not say" in told


@pytest.mark.parametrize("keep", ["0", "-1", "x", "²", ""])
def test_keep_is_a_number(site: Site, keep: str) -> None:
    with pytest.raises(BadInput, match="KEEP"):
        commands.prune_releases(site, keep)


def test_uninstall_takes_what_it_made_and_nothing_else(
    make: Callable[..., Release], site: Site, nobody: Uses, capsys: pytest.CaptureFixture[str]
) -> None:
    release = make("1")
    nobody.certain[release.name] = ["jupyterhub (process 1)"]
    with pytest.raises(Problem, match="in use: jupyterhub"):
        commands.uninstall_environment(site)
    nobody.certain.clear()
    site.current.with_name(".current.new").symlink_to("of a switch that was interrupted")
    (site.releases / "notes").mkdir()
    (site.releases / "notes/mine.txt").write_text("mine")
    (site.paths.prefix / "kernels").mkdir()
    site.docs.mkdir()  # of `make docs`: a folder without the mark is not
    (site.docs / DOCS_MARK).write_text("")
    commands.uninstall_environment(site)
    assert sorted(str(path.relative_to(site.paths.prefix)) for path in site.paths.prefix.rglob("*")) == [
        "kernels", "releases", "releases/notes", "releases/notes/mine.txt"
    ]  # fmt: skip
    told = capsys.readouterr().out
    assert (
        f"left {site.releases / 'notes'}" in told
        and f"left {site.paths.prefix / 'kernels'}" in told
    )
    (site.releases / "notes/mine.txt").unlink()
    (site.releases / "notes").rmdir()
    (site.paths.prefix / "kernels").rmdir()
    site.docs.mkdir()
    commands.uninstall_environment(site)
    assert f"left {site.docs}" in capsys.readouterr().out
    site.docs.rmdir()
    commands.uninstall_environment(site)
    assert not site.paths.prefix.exists()


def test_an_environment_whose_site_is_uninstalled_can_be_removed(
    make: Callable[..., Release], site: Site, nobody: Uses
) -> None:
    make("1")
    nobody.unseen[NOT_HERE] = "run the command on the hub's host"
    with pytest.raises(Problem, match="not installed on this machine") as refused:
        commands.uninstall_environment(site)
    assert "make uninstall_environment UNINSTALLED=1" in str(refused.value)
    nobody.unseen["Slurm does not say"] = "ask it again"
    with pytest.raises(Problem, match="Slurm does not say"):
        commands.uninstall_environment(site, "uninstalled")
    del nobody.unseen["Slurm does not say"]
    commands.uninstall_environment(site, "uninstalled")
    assert not site.paths.prefix.exists()


def test_what_changes_is_told_by_package() -> None:
    def package(name: str, version: str) -> dict[str, str]:
        return {"name": name, "version": version, "build": "0"}

    old = [package("a", "1"), package("b", "1"), package("c", "1")]
    assert difference(old, [package("a", "1"), package("b", "2"), package("d", "1")]) == [
        "~ b 1 0 -> 2 0", "- c 1 0", "+ d 1 0"
    ]  # fmt: skip


# --- the database ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, hub_environment: None) -> Site:
    """A site whose release is a real one, with a database that JupyterHub itself has made, with one
    user in it."""
    if os.geteuid() != 0:
        pytest.skip("needs root: works on the database as the hub's account")
    (tmp_path / "prefix").mkdir()
    (tmp_path / "prefix/current").symlink_to(kernel_site.release().resolve())
    (tmp_path / "state").mkdir()
    site = parts.site_at(tmp_path, "conda-forge")
    paths = Paths.model_construct(prefix=tmp_path / "prefix", state=tmp_path / "state")
    whoami = subprocess.run(
        ["id", "-un"], capture_output=True, text=True, check=True
    ).stdout.strip()
    site = site.model_copy(update={"paths": paths, "hub": Hub.model_construct(user=whoami)})
    python = site.current / "bin/python"
    subprocess.run([python, "-I", ADD_ALICE, f"sqlite:///{site.database}"], check=True, timeout=300)
    return site


def stamp(file: Path, revision: str) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def people(site: Site) -> list[str]:
    with closing(sqlite3.connect(site.database)) as db:
        return [name for (name,) in db.execute("SELECT name FROM users ORDER BY name")]


def test_a_change_of_release_leaves_a_backup(hub: Site) -> None:
    database.match_release(hub)
    [backup] = (hub.paths.state / "backups").iterdir()
    assert backup.stem.endswith(database.known_revisions(hub, hub.current)[0])
    assert backup.stat().st_mode & 0o777 == 0o600
    assert people(hub) == ["alice"]
    for _ in range(database.KEPT + 2):
        database.back_up(hub, os.urandom(4).hex())
    assert len(list((hub.paths.state / "backups").iterdir())) == database.KEPT


def test_a_newer_release_upgrades_the_database(hub: Site) -> None:
    wanted, older = downgrade(hub)
    database.match_release(hub)
    assert database.revision(hub) == wanted
    assert people(hub) == ["alice"]
    assert any(older in backup.name for backup in (hub.paths.state / "backups").iterdir())


def test_the_copy_that_jupyterhub_made_before_its_own_upgrade_is_a_way_back(hub: Site) -> None:
    """A hub that systemd starts after a crash or a boot upgrades its database itself
    (c.JupyterHub.upgrade_db)."""
    wanted, older = downgrade(hub)
    upgrade = "import logging, sys; from jupyterhub import dbutil; dbutil.upgrade_if_needed(sys.argv[1], log=logging)"
    in_release(hub, upgrade)
    assert database.revision(hub) == wanted
    database.match_release(hub)
    [copy] = (
        backup for backup in (hub.paths.state / "backups").iterdir() if backup.stem.endswith(older)
    )
    assert database.backup_of(hub, [older]) == copy
    assert [path.name for path in hub.paths.state.glob("jupyterhub.sqlite.*")] == []


def test_an_older_release_gets_the_database_from_before(hub: Site) -> None:
    database.match_release(hub)
    with closing(sqlite3.connect(hub.database)) as db, db:
        db.execute("INSERT INTO users (name, cookie_id) VALUES ('late', 'x')")
    stamp(hub.database, "0123456789ab")
    database.refuse_unknown_schema(hub, hub.current)
    database.match_release(hub)
    assert database.revision(hub) == database.known_revisions(hub, hub.current)[0]
    assert people(hub) == ["alice"]
    newer = [
        file for file in (hub.paths.state / "backups").iterdir() if "0123456789ab" in file.name
    ]
    assert len(newer) == 1  # nothing is lost: what came after is kept beside it


def test_without_a_backup_the_hub_is_left_alone(hub: Site) -> None:
    stamp(hub.database, "0123456789ab")
    with pytest.raises(Problem, match="schema of a newer JupyterHub") as refused:
        database.refuse_unknown_schema(hub, hub.current)
    assert "make rollback" in str(refused.value.remedy)
    assert people(hub) == ["alice"]


def test_a_damaged_database_is_found_before_the_hub_is_stopped_and_not_kept(hub: Site) -> None:
    """In the middle: its head can still be read."""
    pages = bytearray(hub.database.read_bytes())
    pages[8192:20480] = b"x" * 12288
    hub.database.write_bytes(pages)
    assert database.revision(hub)
    for look in (
        lambda: database.refuse_unknown_schema(hub, hub.current),
        lambda: database.match_release(hub),
    ):
        with pytest.raises(Problem, match="the database is damaged") as refused:
            look()
        assert refused.value.where == str(hub.database)
    assert not list((hub.paths.state / "backups").glob("*.sqlite"))


def test_a_site_without_a_database_needs_nothing(hub: Site) -> None:
    hub.database.unlink()
    database.refuse_unknown_schema(hub, hub.current)
    database.match_release(hub)
    assert json.dumps([path.name for path in hub.paths.state.iterdir()]) == "[]"
