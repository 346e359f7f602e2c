"""A site's life after its first apply: it changes, it shares the machine, it goes, and each of these may fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from machine_sites import bare_machine, can_change, demo, family, tree, with_apache

from sitekit.change import accounts, actions
from sitekit.change import apply as apply_module
from sitekit.change import uninstall as uninstall_module
from sitekit.change.applied import applied
from sitekit.change.apply import apply, diff, planned
from sitekit.change.manifest import load_manifest
from sitekit.change.uninstall import uninstall
from sitekit.errors import BadInput, Problem
from sitekit.machine.file import digest
from sitekit.site import Site

pytestmark = can_change
SITE = demo()
STATE = "var/lib/sitekit/demo"
PORTS = {"hub": {"port": 9081}, "proxy": {"port": 9000, "api_port": 9001}, "front": {"url": "https://localhost:9443"}}
SECOND = demo(name="second", paths={"prefix": "/opt/second", "state": "/var/lib/sitekit/second"}, **PORTS)


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


def members(machine: Path, group: str) -> str:
    rows = (line.split(":") for line in (machine / "etc/group").read_text().splitlines())
    return next(row[3] for row in rows if row[0] == group)


def numbers(machine: Path, name: str) -> int | None:
    rows = (line.split(":") for line in (machine / "etc/passwd").read_text().splitlines())
    return next((int(row[2]) for row in rows if row[0] == name), None)


# It goes.

STEPS = [(Path, "unlink"), (Path, "rmdir"), (shutil, "rmtree"), (uninstall_module, "write_atomic")]
STEPS += [(accounts, f"remove_{what}") for what in ("account", "group", "member")]


def break_before(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the step number `count` of an uninstall fail before it is done."""
    steps = iter(range(1000))

    def breaking(do):
        def broken(*words: object, **more: object) -> object:
            if not str(words[0]).endswith("-") and next(steps) == count:  # the tools' copies are none of its steps
                raise Crash(f"{do.__name__} {words}")
            return do(*words, **more)

        return broken

    for place, name in STEPS:
        monkeypatch.setattr(place, name, breaking(getattr(place, name)))


def test_uninstall_fails_at_every_step_and_a_second_one_ends_it(
    machine: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
):
    before = tree(machine)
    apply(SITE, root=machine)
    (machine / STATE / "jupyterhub.sqlite").write_text("people\n")
    for count in range(1000):
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


def test_an_account_that_cannot_be_removed_is_still_known(machine: Path, monkeypatch: pytest.MonkeyPatch):
    before = tree(machine)
    apply(SITE, root=machine)
    with monkeypatch.context() as broken, pytest.raises(Problem, match="userdel"):
        broken.setattr(accounts, "remove_account", lambda root, name: accounts._change(root, "userdel", "nobodys"))
        uninstall(SITE, root=machine)
    assert numbers(machine, "jupyterhub-daemon") is not None
    uninstall(SITE, root=machine)
    assert tree(machine) == before


def test_a_purge_forgets_nothing_but_what_sitekit_has_made(machine: Path, capsys: pytest.CaptureFixture[str]):
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
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (database, database.parent)} == {(0, 0)}


def test_a_certificate_that_certbot_put_there_goes_with_the_site(machine: Path, monkeypatch: pytest.MonkeyPatch):
    """As `take_certificate` replaces both files, between two applies; the site file may say something else by then."""
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
    """The power fails after each of the first actions, in turn: another apply and an uninstall, or that alone."""
    before = tree(machine)
    made = planned(SITE, family(), machine).actions
    first = next(number for number, action in enumerate(made) if isinstance(action, actions.Record))
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


# It shares the machine.


@pytest.mark.parametrize("order", [(SITE, SECOND), (SECOND, SITE)], ids=["first", "second"])
def test_of_two_sites_either_may_go_first(order: tuple[Site, Site], machine: Path):
    before = tree(machine)
    apply(SITE, root=machine)
    apply(SECOND, root=machine)
    goes, stays = order
    hub = numbers(machine, "jupyterhub-daemon")
    uninstall(goes, root=machine)
    assert numbers(machine, "jupyterhub-daemon") == hub, "the account is the other site's as well"
    assert "jupyterhub-daemon" in members(machine, "shadow")
    assert planned(stays, family(), machine).changes == []
    uninstall(stays, root=machine)
    assert tree(machine) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hub": {"port": SITE.hub.port}}, r"hub\.port: port 18081 is that of the site demo \(hub\.port\)"),
        ({"front": {"url": "https://x.org:18000"}}, r"front\.url: port 18000 is that of the site demo \(proxy\.port\)"),
        ({"paths": {"state": "/var/lib/sitekit/demo/x"}}, r"paths\.state: /var/lib/sitekit/demo is the state.* demo"),
    ],
    ids=["port", "front", "state"],
)
def test_a_site_under_a_new_name_is_another_site(change: dict, words: str, machine: Path):
    """It would fight with the old one for ports and state."""
    apply(SITE, root=machine)
    before = tree(machine)
    second = SECOND.model_dump(mode="json")
    clash = demo(**{key: second[key] | change.get(key, {}) for key in ("paths", *PORTS)}, name="second")
    with pytest.raises(BadInput, match=f"(?s){words}.*SITE=/etc/sitekit/demo/site.yml"):
        apply(clash, root=machine)
    assert tree(machine) == before


# It changes.


def test_a_membership_goes_when_nothing_asks_for_it_any_more(machine: Path, monkeypatch: pytest.MonkeyPatch):
    """And comes back in its place when the apply fails."""
    bare = tree(machine)
    apply(SITE, root=machine)
    subprocess.run(["gpasswd", "--root", machine, "--members", "jupyterhub-daemon,www-data", "shadow"], check=True)
    before = tree(machine)
    sssd = demo(login={"passwords": "sssd"})
    assert ("removed member", "jupyterhub-daemon of shadow") in planned(sssd, family(), machine).changes
    monkeypatch.setattr(apply_module, "check", lambda *words: None)
    with monkeypatch.context() as broken, pytest.raises(Crash):
        broken.setattr(apply_module, "settle", lambda *words: (_ for _ in ()).throw(Crash()))
        apply(sssd, root=machine)
    assert tree(machine) == before
    apply(sssd, root=machine)
    assert members(machine, "shadow") == "www-data" and members(machine, "jupyterhub-proxy") == "jupyterhub-daemon"
    assert planned(sssd, family(), machine).changes == []
    subprocess.run(["gpasswd", "--root", machine, "--delete", "www-data", "shadow"], check=True)
    uninstall(sssd, root=machine)
    assert {name: now for name, now in tree(machine).items() if not name.endswith("-")} == {
        name: was for name, was in bare.items() if not name.endswith("-")
    }, "but for the copies that gpasswd made just now"


def test_the_site_as_applied_may_be_another_sitekits(machine: Path):
    """With keys that are not here yet, or no more; those that decide what stands are all that is taken from it."""
    before = tree(machine)
    apply(SITE, root=machine)
    path = machine / "etc/sitekit/demo/site.yml"
    was = path.read_bytes()
    text = was.decode().replace("hub:\n", "hub:\n  colour: blue\n").replace("server:\n", "server:\n  colour: red\n")
    path.write_text(f"colours: [blue, red]\n{text}")
    record = machine / "etc/sitekit/demo/manifest.json"
    record.write_text(record.read_text().replace(digest(was), digest(path.read_bytes())))
    moved = demo(paths={"state": "/srv/hub"})
    assert applied(moved, machine).paths == SITE.paths and applied(moved, machine).hub == SITE.hub
    assert [(kind, what) for kind, what in planned(SITE, family(), machine).changes if "folder" not in kind] == [
        ("changed file", "/etc/sitekit/demo/site.yml")
    ]
    uninstall(SITE, root=machine)
    assert tree(machine) == before


def test_a_membership_that_another_site_needs_stays(machine: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apply_module, "check", lambda *words: None)  # pam_sss need not be there
    apply(SITE, root=machine)
    apply(SECOND, root=machine)
    sssd = demo(login={"passwords": "sssd"})
    apply(sssd, root=machine)
    assert "jupyterhub-daemon" in members(machine, "shadow")
    assert planned(sssd, family(), machine).changes == []


def test_a_secret_goes_when_nothing_asks_for_it_any_more(machine: Path, capsys: pytest.CaptureFixture[str]):
    (machine / "etc/secret").write_text("abcdefgh-the-clients\n")
    openid = {"provider": "https://login.example.org/x", "client_id": "jupyter", "client_secret": "/etc/secret"}
    outside = {"inside": ["10.0.0.0/8"], "method": "openid", "openid": openid}
    apply(demo(front={"outside": outside}), root=machine)
    conf = machine / "etc/sitekit/demo/tls/openid.conf"
    assert "abcdefgh" in conf.read_text()
    capsys.readouterr()
    assert diff(SITE, root=machine) == 1
    shown = capsys.readouterr().out
    assert "removed file    /etc/sitekit/demo/tls/openid.conf" in shown and "abcdefgh" not in shown
    apply(SITE, root=machine)
    assert not conf.exists() and (machine / "etc/sitekit/demo/proxy.env").exists()
    kept = [
        path for path in (machine / "etc/sitekit").rglob("*") if path.is_file() and b"abcdefgh" in path.read_bytes()
    ]
    assert kept == []


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"paths": {"state": "/srv/hub"}}, "mv -T /var/lib/sitekit/demo /srv/hub"),
        ({"hub": {"user": "another"}}, "chown -R root: /var/lib/sitekit/demo; chmod 700 /var/lib/sitekit/demo"),
    ],
    ids=["state", "user"],
)
def test_the_hubs_memory_is_not_left_behind(changes: dict, remedy: str, machine: Path):
    """What is told to do is enough."""
    apply(SITE, root=machine)
    database, hub = machine / STATE / "jupyterhub.sqlite", numbers(machine, SITE.hub.user)
    database.write_text("people\n")
    os.chown(database, hub, hub)
    other, before = demo(**changes), tree(machine)
    with pytest.raises(BadInput, match=f"sudo make stop; {remedy}"):
        apply(other, root=machine)
    assert tree(machine) == before
    (machine / "srv").mkdir()
    for words in (line.split() for line in remedy.split("; ")):
        subprocess.run([f"{machine}{word}" if word.startswith("/") else word for word in words], check=True)
    apply(other, root=machine)
    database = machine / other.paths.state.relative_to("/") / "jupyterhub.sqlite"
    assert database.stat().st_uid == numbers(machine, other.hub.user)


def running(monkeypatch: pytest.MonkeyPatch, **states: str) -> None:
    """Let the plan find services in a state, as it would on this machine and not in a file tree."""
    see, services = apply_module.see, {SITE.service(part): state for part, state in states.items()}
    monkeypatch.setattr(apply_module, "see", lambda *words: replace(see(*words), services=services))
    monkeypatch.setattr(apply_module, "running_supervisor", lambda site: None)


@pytest.mark.parametrize(
    ("before", "after", "states", "told"),
    [
        (
            {"supervisor": "systemd"},
            {},
            {"hub": "running", "proxy": "running", "front": "stopped"},
            "stop, disable hub; stop, disable proxy; disable front; start proxy; start hub",
        ),
        (
            {},
            {"supervisor": "systemd"},
            {"hub": "failed", "proxy": "running", "front": "running"},
            "stop front; stop hub; stop proxy; enable, start proxy; enable, start hub; enable, start front",
        ),
        ({}, {"front": {"instance": "system"}}, {"hub": "running", "front": "running"}, "stop front; restart hub"),
        ({"front": {"instance": "system"}}, {}, {"proxy": "running", "hub": "stopped"}, "start front"),
        ({"front": {"instance": "system"}}, {}, {}, ""),
    ],
    ids=["supervisord", "systemd", "system", "own", "stopped"],
)
def test_diff_tells_what_stops_and_what_starts(
    before: dict, after: dict, states: dict, told: str, machine: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    with_apache(machine)
    apply(demo(**before), root=machine)
    running(monkeypatch, **states)
    capsys.readouterr()
    diff(demo(**after), root=machine)
    listed = capsys.readouterr().out.split("in this order:")[1]
    lines = [line.split("  ") for line in listed.splitlines() if SITE.service("") in line and "/" not in line]
    found = [" ".join(filter(None, (word.strip() for word in line))) for line in lines]
    assert sorted(line.split(",  ")[0].replace(SITE.service(""), "").split(", which")[0] for line in found) == sorted(
        filter(None, told.split("; "))
    )
