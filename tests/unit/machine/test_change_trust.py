"""Root works in folders that the hub's account, or anybody, can write: what they put in its way
leads nowhere."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from machine_sites import as_nobody, bare_machine, can_change, demo, family, tree

from sitekit import cli
from sitekit.base.errors import BadInput, Problem
from sitekit.base.files import open_file
from sitekit.kernels.generations import generation
from sitekit.machine.apply import commands as apply_module
from sitekit.machine.apply.commands import apply, plan_apply
from sitekit.machine.backup import backup as backup_module
from sitekit.machine.backup.backup import backup
from sitekit.machine.backup.restore import Fill, restore
from sitekit.machine.checks.preconditions import check_places
from sitekit.machine.host import lock
from sitekit.machine.installed.change_owner import hand_over, set_folder
from sitekit.machine.run import database, start_and_stop
from sitekit.machine.uninstall.uninstall import uninstall
from sitekit.site import Site

pytestmark = can_change
SITE = demo()
STATE = "var/lib/sitekit/demo"


class Crash(Exception):
    """What no part of apply expects."""


@pytest.fixture
def tmp_path(open_path: Path) -> Path:
    """The hub's account reads here."""
    return open_path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return bare_machine(tmp_path / "machine")


@pytest.fixture
def state(machine: Path) -> Path:
    """The hub's folder on a machine where the site is installed, with something of the hub's in it."""
    apply(SITE, root=machine)
    return filled(machine / STATE)


def filled(state: Path) -> Path:
    (state / "sub").mkdir()
    (state / "sub/shadow").write_text("the hub's\n")
    with closing(sqlite3.connect(state / "ledger.sqlite")) as writer:
        writer.execute("CREATE TABLE servers (tag TEXT)")
    return given(state, state.stat())


def given(folder: Path, whose: os.stat_result) -> Path:
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, whose.st_uid, whose.st_gid, follow_symlinks=False)
    return folder


def owner(path: Path) -> tuple[int, int, int]:
    status = path.lstat()
    return status.st_mode & 0o7777, status.st_uid, status.st_gid


def in_the_way(folder: Path, target: Path) -> None:
    """What the hub's account can do to a folder in its own: a link takes its place."""
    folder.rename(folder.with_name(f"{folder.name}.old"))
    folder.symlink_to(target)


# The database.


@pytest.fixture
def hub(tmp_path: Path) -> Site:
    """A site whose hub runs as an account of this machine, with a database."""
    folder = bare_machine(tmp_path) / "state"
    folder.mkdir(0o700)
    with closing(sqlite3.connect(folder / "jupyterhub.sqlite")) as db, db:
        db.execute("CREATE TABLE alembic_version (version_num TEXT)")
        db.execute("INSERT INTO alembic_version VALUES ('new')")
    subprocess.run(["chown", "-R", "nobody:", folder], check=True)
    site = demo(paths={"state": str(folder)})
    return site.model_copy(update={"hub": site.hub.model_copy(update={"user": "nobody"})})


def test_a_backup_of_the_database_goes_nowhere_else(hub: Site, machine: Path):
    before = tree(machine)
    (hub.paths.state / "backups").symlink_to(machine / "etc")
    with pytest.raises(OSError):
        database.back_up(hub, "new")
    assert tree(machine) == before


def test_a_database_is_restored_into_the_hubs_folder_alone(hub: Site, machine: Path):
    database.back_up(hub, "new")
    (kept,) = (hub.paths.state / "backups").iterdir()
    assert owner(kept)[:2] == (0o600, hub.paths.state.stat().st_uid)
    before = tree(machine)
    hub.database.with_name(".restored.sqlite").symlink_to(machine / "etc/shadow")
    database.put_back(hub, kept)
    assert tree(machine) == before
    assert (
        hub.database.read_bytes() == kept.read_bytes()
        and owner(hub.database)[:2] == owner(kept)[:2]
    )


def test_a_database_that_the_hub_cannot_open_is_told(hub: Site):
    os.chown(hub.database, 0, 0)
    hub.database.chmod(0o600)
    with pytest.raises(
        Problem, match=r"jupyterhub\.sqlite: the database cannot be used: unable to open"
    ):
        database.revision(hub)


# An apply that is undone.


def undone(
    machine: Path, site: Site, meanwhile: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The services do not come up, and the hub's account was at work."""
    todo = iter([meanwhile])  # they are started twice: with what is new, and with what they had

    def restart_services(*words: object) -> None:
        next(todo, lambda: None)()
        raise Crash

    with monkeypatch.context() as broken, pytest.raises(Crash):
        broken.setattr(apply_module, "restart_services", restart_services)
        apply(site, root=machine)


def test_what_was_a_folder_and_is_a_link_is_not_followed_back(
    machine: Path, state: Path, monkeypatch: pytest.MonkeyPatch
):
    state.chmod(0o755)
    shadow = owner(machine / "etc/shadow")
    undone(machine, SITE, lambda: in_the_way(state / "sub", machine / "etc"), monkeypatch)
    assert owner(machine / "etc/shadow") == shadow
    assert owner(state)[0] == 0o755


def test_nor_when_the_folder_changed_hands(
    machine: Path, state: Path, monkeypatch: pytest.MonkeyPatch
):
    uninstall(SITE, root=machine)
    whose, shadow = owner(state), owner(machine / "etc/shadow")
    os.chown(state / "sub/shadow", 33, 33)  # so that going back has to name an owner for this path
    undone(machine, SITE, lambda: in_the_way(state / "sub", machine / "etc"), monkeypatch)
    assert owner(machine / "etc/shadow") == shadow
    assert owner(state) == whose == (0o700, 0, 0)
    assert owner(state / "ledger.sqlite")[1:] == (0, 0)


def test_the_second_name_of_somebody_elses_file_is_not_handed_over(machine: Path, state: Path):
    uninstall(SITE, root=machine)
    (machine / "etc/precious").touch(0o600)
    os.link(machine / "etc/precious", state / "precious")
    apply(SITE, root=machine)
    assert owner(machine / "etc/precious") == (0o600, 0, 0)
    assert owner(state / "sub/shadow")[1] == owner(state)[1] != 0


def test_no_link_in_a_folders_place_changes_hands(tmp_path: Path):
    (tmp_path / "etc").mkdir(0o755)
    (tmp_path / "link").symlink_to("etc")
    for change in (hand_over, set_folder):
        with pytest.raises(OSError):
            change(tmp_path / "link", (33, 33), 0o700)
    assert owner(tmp_path / "etc") == (0o755, 0, 0)


@pytest.mark.parametrize(
    "place", [STATE, "var/log/sitekit/demo", "var/backups/sitekit/demo", "etc/sitekit/demo/tls"]
)
@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_folder_does_not_become_one(place: str, kind: str, machine: Path):
    (machine / place).parent.mkdir(parents=True)
    (machine / "data").mkdir()
    if kind == "link":
        (machine / place).symlink_to(machine / "data")
    else:
        (machine / place).write_text("mine\n")
    before = tree(machine)
    with pytest.raises(BadInput, match=rf"/{place}: a {kind} exists where a folder"):
        apply(SITE, root=machine)
    assert tree(machine) == before


@pytest.mark.parametrize(("uid", "mode"), [(33, 0o755), (0, 0o775), (0, 0o1777)])
@pytest.mark.parametrize("key", ["paths.state", "backup.folder"])
def test_nobody_else_can_put_something_in_the_folders_place(
    key: str, uid: int, mode: int, machine: Path
):
    section, name = key.split(".")
    above = machine / "srv/shared"
    above.mkdir(parents=True)
    os.chown(above, uid, 0)
    above.chmod(mode)
    below = "/srv/shared/hub" if name == "state" else "/srv/shared"
    with pytest.raises(
        BadInput, match=rf"{key}: other accounts than root can write to /srv/shared"
    ):
        apply(demo(**{section: {name: below}}), root=machine)


@pytest.mark.parametrize(
    ("mode", "uid", "whose", "to", "told"),
    [
        (0o755, 33, 0, "shared/deep", "/srv/shared"),
        (0o755, 33, 0, "shared/on", "/srv/shared"),
        (0o1777, 0, 33, "shared/on", "/srv/shared/on"),
    ],
    ids=["into", "through", "sticky"],
)
def test_nor_where_a_link_leads_there(
    mode: int, uid: int, whose: int, to: str, told: str, machine: Path
):
    above = machine / "srv/shared"
    for folder in (above / "deep", machine / "srv/deep"):
        folder.mkdir(parents=True)
    (machine / "srv/link").symlink_to(to)
    (above / "on").symlink_to("../deep")
    os.chown(above / "on", whose, 0, follow_symlinks=False)
    os.chown(above, uid, 0)
    above.chmod(mode)
    with pytest.raises(
        BadInput, match=rf"paths\.state: other accounts than root can write to {told},"
    ):
        apply(demo(paths={"state": "/srv/link/hub"}), root=machine)


@pytest.mark.parametrize(("uid", "mode"), [(33, 0o755), (33, 0o1755), (0, 0o775), (0, 0o757)])
@pytest.mark.parametrize("key", ["paths.prefix", "slurm.bin", "slurm.conf"])
def test_nobody_else_can_put_other_programs_there(key: str, uid: int, mode: int, machine: Path):
    """They are run as every user. Whoever owns them may own the folders above as well."""
    section, name = key.split(".")
    above, place = machine / "srv/shared", machine / "srv/shared/deep/place"
    place.parent.mkdir(parents=True)
    place.touch() if name == "conf" else place.mkdir()
    os.chown(above, uid, 0)
    above.chmod(mode)
    site = demo(**{section: {name: "/srv/shared/deep/place"}})
    with pytest.raises(
        BadInput, match=rf"{key}: other accounts than root can write to /srv/shared,"
    ):
        check_places(site, machine)
    above.chmod(0o755)
    for path in (above / "deep", place):
        os.chown(path, uid, 0)
    check_places(site, machine)


# Folders that were there before.


def test_folders_that_were_there_before_are_given_back(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    kept, empty = machine / "var/backups/sitekit/demo", machine / STATE
    for folder, whose, mode in ((kept, (0, 33), 0o750), (empty, (33, 33), 0o755)):
        folder.mkdir(parents=True)
        os.chown(folder, *whose)
        folder.chmod(mode)
    (kept / "mine").write_text("mine\n")
    os.chown(kept / "mine", 33, 33)
    before = tree(machine)
    shown = [
        what
        for kind, what in plan_apply(SITE, family(), machine).changes
        if kind == "owner and mode"
    ]
    assert shown == ["/var/backups/sitekit/demo/", "/var/lib/sitekit/demo/ and all in it"]
    apply(SITE, root=machine)
    assert (
        owner(kept) == (0o700, 0, 0)
        and owner(kept / "mine")[1:] == (33, 33)
        and owner(empty)[1] not in (0, 33)
    )
    capsys.readouterr()
    uninstall(SITE, root=machine)
    assert tree(machine) == before
    assert "left /var/backups/sitekit/demo: it contains mine" in capsys.readouterr().out


def test_a_folder_with_the_hubs_memory_stays_closed(machine: Path):
    (machine / STATE).mkdir(parents=True)
    os.chown(machine / STATE, 33, 33)
    apply(SITE, root=machine)
    filled(machine / STATE)
    uninstall(SITE, root=machine)
    assert (
        owner(machine / STATE)
        == (0o700, 0, 0)
        == (0o700, *owner(machine / STATE / "sub/shadow")[1:])
    )


# Backup and restore.


@pytest.fixture
def archive(machine: Path, state: Path, tmp_path: Path) -> Iterator[Path]:
    backup(SITE, root=machine)
    yield next((machine / "var/backups/sitekit/demo").glob("*.tar.gz"))


def test_a_backup_creates_nothing_where_a_name_leads(machine: Path, state: Path):
    """SQLite takes what follows a `?` for its own options."""
    (state / "foo?mode=rwc&x=").write_bytes((state / "ledger.sqlite").read_bytes())
    (state / "foo").symlink_to(machine / "etc/nologin")
    given(state, state.stat())
    assert backup(SITE, root=machine) == 0
    assert not (machine / "etc/nologin").exists()


@pytest.fixture
def roots(machine: Path) -> Path:
    """A folder that is root's alone, with what nobody else may read."""
    folder = machine / "root"
    folder.mkdir(0o700)
    (folder / "shadow").write_text("root's\n")
    with closing(sqlite3.connect(folder / "database")) as writer:
        writer.execute("CREATE TABLE secrets (secret TEXT)")
    return folder


@pytest.mark.parametrize(("moment", "place", "target"), [
    ("listed", "sub/shadow", "shadow"),
    ("listed", "sub", ""),
    ("opened", "ledger.sqlite", "database"),
])  # fmt: skip
def test_a_backup_reads_no_more_than_the_hub_may(
    moment: str,
    place: str,
    target: str,
    machine: Path,
    state: Path,
    roots: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """A link takes a place after all was listed, or once it was seen to be a database."""
    real, passed = backup_module.open_file, []

    def at(now: str) -> None:
        if now == moment and now not in passed:
            passed.append(now)
            in_the_way(state / place, roots / target)

    def opening(path: Path) -> object:
        at("listed")
        found = real(path)
        at("opened")
        return found

    monkeypatch.setattr(backup_module, "open_file", opening)
    with suppress(OSError, Problem):
        backup(SITE, root=machine)
    assert passed == [moment]
    for made in (machine / "var/backups/sitekit/demo").iterdir():
        held = contents(made).values()
        assert not [
            content for content in held if content == b"root's\n" or b"TABLE secrets" in content
        ]


def test_what_the_hub_may_not_read_is_named_and_left_out(
    machine: Path, state: Path, capsys: pytest.CaptureFixture[str]
):
    (state / "sub/roots").touch(0o600)
    (state / "closed").mkdir(0o700)
    (state / "lost+found").mkdir(0o700)
    assert backup(SITE, root=machine) == 1
    shown = capsys.readouterr().out
    assert "left out" in shown and all(
        str(state / name) in shown for name in ("sub/roots", "closed")
    )
    assert "lost+found" not in shown
    [made] = (machine / "var/backups/sitekit/demo").iterdir()
    assert not [name for name in contents(made) if "roots" in name]


def contents(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {name: opened.extractfile(name).read() for name in opened.getnames()}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_file_is_read_and_nothing_else(kind: str, tmp_path: Path):
    (tmp_path / "file").write_text("text\n")
    assert open_file(tmp_path / "file").read() == b"text\n"
    path = tmp_path / kind
    {
        "link": lambda: path.symlink_to("file"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }[kind]()
    with pytest.raises(OSError):
        open_file(path)


def test_a_restore_into_an_empty_folder_of_the_hubs_is_handed_over(archive: Path, tmp_path: Path):
    other = bare_machine(tmp_path / "new")
    apply(SITE, root=other)
    hub = owner(other / STATE)
    assert restore(str(archive), root=other, checkout=tmp_path) == 0
    assert owner(other / STATE) == (0o700, 0, 0)
    assert apply(SITE, root=other) == 0
    assert owner(other / STATE) == hub
    assert {owner(path)[1:] for path in (other / STATE).rglob("*")} == {hub[1:]}


def test_what_is_put_in_a_restores_way_stays_its_owners(machine: Path, tmp_path: Path):
    apply(SITE, root=machine)
    state = machine / STATE
    (state / "cookie_secret").symlink_to(machine / "etc/nologin")
    given(state, state.stat())
    before = tree(machine)
    (tmp_path / "source").write_text("ab")
    with pytest.raises(Problem, match="files appeared in it"), ExitStack() as undo:
        Fill(SITE.paths.state, {"cookie_secret": tmp_path / "source"}).do(machine, undo)
    assert tree(machine) == before


def test_a_checkout_that_cannot_be_written_is_told_and_no_fault(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """As root may not write it on a network filesystem; here it is root's own folder that is in its
    owner's way."""
    checkout = tmp_path / "checkout"
    (checkout / "kernels").mkdir(parents=True)
    os.chown(checkout, 33, 33)
    with tarfile.open(archive) as packed:
        (name,) = (name for name in packed.getnames() if name == "checkout/kernels/kernels.yml")
    assert restore(str(archive), root=bare_machine(tmp_path / "new"), checkout=checkout) == 0
    said = capsys.readouterr().out
    assert (
        f"Permission denied\n    -> tar -xzOf {archive} {name} >{checkout}/kernels/kernels.yml"
        in said
    )
    assert not list((checkout / "kernels").iterdir())


# Locks, and what a person is told.


def test_no_other_account_can_hold_the_lock(machine: Path, tmp_path: Path):
    with lock.hold_machine_lock(machine):
        pass
    (tmp_path / "kernels").mkdir()
    site = SITE.model_copy(update={"paths": SITE.paths.model_copy(update={"prefix": tmp_path})})
    with generation.lock(site):
        pass
    locks = [machine / lock.LOCK.relative_to("/"), machine / "etc", tmp_path / "kernels/.lock"]
    held, release = os.pipe(), os.pipe()
    if not (child := os.fork()):
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        for path in locks:
            try:
                fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
        os.write(held[1], b"x")
        os.read(release[0], 1)
        os._exit(0)
    try:
        os.read(held[0], 1)
        assert apply(SITE, root=machine) == 0
        with generation.lock(site):
            pass
    finally:
        os.write(release[1], b"x")
        os.waitpid(child, 0)
        for end in (*held, *release):
            os.close(end)


@pytest.mark.parametrize("command", [start_and_stop.start, start_and_stop.stop])
def test_services_are_left_alone_while_the_machine_changes(
    command: Callable[[Site], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lock, "LOCK", tmp_path / "lock")  # the machine's own is in use meanwhile
    site = demo(
        name="nowhere", paths={"prefix": str(tmp_path / "prefix"), "state": str(tmp_path / "state")}
    )
    (site.current / "bin").mkdir(parents=True)
    (site.current / "bin/jupyterhub").touch()
    with (
        lock.hold_machine_lock(),
        pytest.raises(Problem, match=rf"another sitekit.*process {os.getpid()}"),
    ):
        command(site)


def test_what_the_system_refuses_is_no_traceback(tmp_path: Path):
    """A user looks at a site whose state is somebody else's, and closed."""
    root = bare_machine(tmp_path)
    (root / STATE).mkdir(0o700, parents=True)
    os.chown(root / STATE, 33, 33)
    look_at = "from machine_sites import demo; from sitekit.machine.apply.commands import diff"
    asked = as_nobody(
        "-c", f"from pathlib import Path; {look_at}; diff(demo(), root=Path({str(root)!r}))"
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert "/var/lib/sitekit/demo/" in asked.stdout


def test_an_error_of_the_system_ends_as_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(cli.COMMANDS, "show", cli.Command("", "os:listdir", site=False))
    assert cli.main(["show", "/none"]) == 1
    assert capsys.readouterr().err == (
        "\nsitekit: /none: No such file or directory\n    -> correct that, then run the command again\n"
    )
