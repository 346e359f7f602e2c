"""A site's life after its first apply: it shares the machine with another one, and it changes."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from machine_sites import bare_machine, can_change, demo, family, shipped, tree, with_apache
from tests.packages import install

from sitekit.base.errors import BadInput, BadInputs
from sitekit.machine.apply import commands as apply_module
from sitekit.machine.apply.commands import apply, diff, plan_apply
from sitekit.machine.host.file_to_write import digest
from sitekit.machine.installed.applied_site import applied, check_follows, other_sites
from sitekit.machine.installed.manifest import load_manifest, manifest_path
from sitekit.machine.installed.unix_accounts import listed, numbers
from sitekit.machine.uninstall.uninstall import uninstall
from sitekit.site import Site
from sitekit.site.show import dump

pytestmark = can_change
SITE = demo()
STATE = "var/lib/sitekit/demo"
PORTS = {
    "hub": {"port": 9081},
    "proxy": {"port": 9000, "api_port": 9001},
    "front": {"url": "https://localhost:9443"},
}
SECOND = demo(
    name="second", paths={"prefix": "/opt/second", "state": "/var/lib/sitekit/second"}, **PORTS
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return bare_machine(tmp_path)


class Crash(Exception):
    """What nothing expects."""


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
    assert "jupyterhub-daemon" in listed(machine, "shadow")
    assert plan_apply(stays, family(), machine).changes == []
    uninstall(stays, root=machine)
    assert tree(machine) == before


def as_of_old(machine: Path, site: Site, first: Site) -> None:
    """An older sitekit's record: it listed nothing that another site had brought before."""
    mine, theirs = load_manifest(site, machine), load_manifest(first, machine)
    for kind in ("folders", "accounts", "groups", "memberships"):
        setattr(
            mine,
            kind,
            [thing for thing in getattr(mine, kind) if thing not in getattr(theirs, kind)],
        )
    mine.links = {path: target for path, target in mine.links.items() if path not in theirs.links}
    (machine / manifest_path(site).relative_to("/")).write_text(mine.text)


@pytest.mark.parametrize("instance", ["own", "system"])
def test_what_an_older_sitekit_did_not_list_goes_with_the_last_as_well(
    instance: str, machine: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(apply_module, "check", lambda *words: None)
    before = tree(with_apache(machine))
    first, second = (
        site.model_copy(update={"front": site.front.model_copy(update={"instance": instance})})
        for site in (SITE, SECOND)
    )
    apply(first, root=machine)
    apply(second, root=machine)
    as_of_old(machine, second, first)
    hub, modules = (
        numbers(machine, "jupyterhub-daemon"),
        {*(machine / "etc/apache2/mods-enabled").iterdir()},
    )
    uninstall(first, root=machine)
    assert numbers(machine, "jupyterhub-daemon") == hub and "jupyterhub-daemon" in listed(
        machine, "shadow"
    )
    assert {*(machine / "etc/apache2/mods-enabled").iterdir()} == modules
    assert plan_apply(second, family(), machine).changes == []
    uninstall(second, root=machine)
    assert tree(machine) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"hub": {"port": SITE.hub.port}},
            r"hub\.port: port 18081 is that of the site demo \(hub\.port\)",
        ),
        (
            {"front": {"url": "https://x.org:18000"}},
            r"front\.url: port 18000 is that of the site demo \(proxy\.port\)",
        ),
        (
            {"paths": {"state": "/var/lib/sitekit/demo/x"}},
            r"paths\.state: /var/lib/sitekit/demo is the state.* demo",
        ),
    ],
    ids=["port", "front", "state"],
)
def test_a_site_under_a_new_name_is_another_site(change: dict, words: str, machine: Path):
    """It would fight with the old one for ports and state."""
    apply(SITE, root=machine)
    before = tree(machine)
    second = SECOND.model_dump(mode="json")
    clash = demo(
        **{key: second[key] | change.get(key, {}) for key in ("paths", *PORTS)}, name="second"
    )
    with pytest.raises(BadInput, match=f"(?s){words}.*SITE=/etc/sitekit/demo/site.yml"):
        apply(clash, root=machine)
    assert tree(machine) == before


# It changes.


def test_a_membership_goes_when_nothing_asks_for_it_any_more(
    machine: Path, monkeypatch: pytest.MonkeyPatch
):
    """And comes back in its place when the apply fails."""
    bare = tree(machine)
    apply(SITE, root=machine)
    subprocess.run(
        ["gpasswd", "--root", machine, "--members", "jupyterhub-daemon,www-data", "shadow"],
        check=True,
    )
    before = tree(machine)
    sssd = demo(login={"passwords": "sssd"})
    assert ("removed member", "jupyterhub-daemon of shadow") in plan_apply(
        sssd, family(), machine
    ).changes
    monkeypatch.setattr(apply_module, "check", lambda *words: None)
    with monkeypatch.context() as broken, pytest.raises(Crash):
        broken.setattr(
            apply_module, "restart_services", lambda *words: (_ for _ in ()).throw(Crash())
        )
        apply(sssd, root=machine)
    assert tree(machine) == before
    apply(sssd, root=machine)
    assert listed(machine, "shadow") == ["www-data"] and listed(machine, "jupyterhub-proxy") == [
        "jupyterhub-daemon"
    ]
    assert plan_apply(sssd, family(), machine).changes == []
    subprocess.run(["gpasswd", "--root", machine, "--delete", "www-data", "shadow"], check=True)
    uninstall(sssd, root=machine)
    assert {name: now for name, now in tree(machine).items() if not name.endswith("-")} == {
        name: was for name, was in bare.items() if not name.endswith("-")
    }, "but for the copies that gpasswd made just now"


def test_the_site_as_applied_may_be_another_sitekits(machine: Path):
    """With keys that are not here yet, or no more; those that decide what stands are all that is
    taken from it."""
    before = tree(machine)
    apply(SITE, root=machine)
    path = machine / "etc/sitekit/demo/site.yml"
    was = path.read_bytes()
    text = (
        was.decode()
        .replace("hub:\n", "hub:\n  colour: blue\n")
        .replace("server:\n", "server:\n  colour: red\n")
    )
    path.write_text(f"colours: [blue, red]\n{text}")
    record = machine / "etc/sitekit/demo/manifest.json"
    record.write_text(record.read_text().replace(digest(was), digest(path.read_bytes())))
    moved = demo(paths={"state": "/srv/hub"})
    assert applied(moved, machine).paths == SITE.paths and applied(moved, machine).hub == SITE.hub
    assert [
        (kind, what)
        for kind, what in plan_apply(SITE, family(), machine).changes
        if "folder" not in kind
    ] == [("changed file", "/etc/sitekit/demo/site.yml")]
    uninstall(SITE, root=machine)
    assert tree(machine) == before


@pytest.mark.parametrize("name", ["comet-xsede", "comet-globus", "gateway-workshop"])
def test_another_site_on_the_machine_need_not_fit_this_one(machine: Path, name: str):
    """A site beside the cluster, and one outside of it: each has sections that the other cannot
    have."""
    outside = shipped(name)
    apply(SITE, root=machine)
    assert [other.name for other in other_sites(outside, machine)] == [SITE.name]
    file = machine / "etc/sitekit" / outside.name / "site.yml"
    file.parent.mkdir(parents=True)
    file.write_text(dump(outside))
    file.with_name("manifest.json").write_text("{}")
    [other] = other_sites(SITE, machine)
    assert (other.slurm, other.login.gateway) == (outside.slurm, outside.login.gateway)


def test_tunnels_of_two_sites_never_get_the_same_port(machine: Path):
    one, other = shipped("comet-globus"), shipped("gateway-workshop")
    file = machine / "etc/sitekit" / other.name / "site.yml"
    file.parent.mkdir(parents=True)
    file.with_name("manifest.json").write_text("{}")
    file.write_text(dump(other))
    ports = "tunnels of the site gateway-workshop on this machine have the ports 10000 to 19999"
    with pytest.raises(BadInputs, match=ports):
        check_follows(one, machine)
    proxy = {"port": 15000, "api_port": 15001}
    inside = shipped("comet-globus", proxy=proxy, slurm={"ssh": apart_ports(one)})
    with pytest.raises(BadInputs, match="port 15000 is one of the ports of tunnels of the site"):
        check_follows(inside, machine)


def apart_ports(site: Site) -> dict[str, object]:
    """The login node of a site, with tunnels of other ports."""
    ssh = site.model_dump(mode="json")["slurm"]["ssh"]
    ssh["tunnel"]["ports"] = [20000, 20999]
    return ssh


def test_a_membership_that_another_site_needs_stays(machine: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apply_module, "check", lambda *words: None)  # pam_sss need not be there
    apply(SITE, root=machine)
    apply(SECOND, root=machine)
    sssd = demo(login={"passwords": "sssd"})
    apply(sssd, root=machine)
    assert "jupyterhub-daemon" in listed(machine, "shadow")
    assert plan_apply(sssd, family(), machine).changes == []


def test_a_membership_that_another_site_does_not_list_stays_until_that_goes(
    machine: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(apply_module, "check", lambda *words: None)
    apply(SITE, root=machine)
    apply(SECOND, root=machine)
    as_of_old(machine, SECOND, SITE)
    apply(demo(login={"passwords": "sssd"}), root=machine)
    assert "jupyterhub-daemon" in listed(machine, "shadow")
    uninstall(SECOND, root=machine)
    assert "jupyterhub-daemon" not in listed(machine, "shadow") and numbers(
        machine, "jupyterhub-daemon"
    )


@pytest.mark.slow  # apply tests the configuration with this machine's Apache, if it has one
def test_a_secret_goes_when_nothing_asks_for_it_any_more(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    if shutil.which("apache2") and os.geteuid() == 0:
        install("libapache2-mod-auth-openidc")
    (machine / "etc/secret").write_text("abcdefgh-the-clients\n")
    openid = {
        "provider": "https://login.example.org/x",
        "client_id": "jupyter",
        "client_secret": "/etc/secret",
    }
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
        path
        for path in (machine / "etc/sitekit").rglob("*")
        if path.is_file() and b"abcdefgh" in path.read_bytes()
    ]
    assert kept == []


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"paths": {"state": "/srv/hub"}}, "mv -T /var/lib/sitekit/demo /srv/hub"),
        (
            {"hub": {"user": "another"}},
            "chown -R root: /var/lib/sitekit/demo; chmod 700 /var/lib/sitekit/demo",
        ),
    ],
    ids=["state", "user"],
)
def test_the_hubs_memory_is_not_left_behind(changes: dict, remedy: str, machine: Path):
    """What is told to do is enough."""
    apply(SITE, root=machine)
    database, hub = machine / STATE / "jupyterhub.sqlite", numbers(machine, SITE.hub.user)[0]
    database.write_text("people\n")
    os.chown(database, hub, hub)
    other, before = demo(**changes), tree(machine)
    with pytest.raises(BadInput, match=f"sudo make stop; {remedy}"):
        apply(other, root=machine)
    assert tree(machine) == before
    (machine / "srv").mkdir()
    for words in (line.split() for line in remedy.split("; ")):
        subprocess.run(
            [f"{machine}{word}" if word.startswith("/") else word for word in words], check=True
        )
    apply(other, root=machine)
    database = machine / other.paths.state.relative_to("/") / "jupyterhub.sqlite"
    assert database.stat().st_uid == numbers(machine, other.hub.user)[0]


def running(monkeypatch: pytest.MonkeyPatch, **states: str) -> None:
    """Let the plan find services in a state, as it would on this machine and not in a file tree."""
    see, services = (
        apply_module.read_machine_state,
        {SITE.service(part): state for part, state in states.items()},
    )
    monkeypatch.setattr(
        apply_module, "read_machine_state", lambda *words: replace(see(*words), services=services)
    )
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
        (
            {},
            {"front": {"instance": "system"}},
            {"hub": "running", "front": "running"},
            "stop front; restart hub",
        ),
        (
            {"front": {"instance": "system"}},
            {},
            {"proxy": "running", "hub": "stopped"},
            "start front",
        ),
        ({"front": {"instance": "system"}}, {}, {}, ""),
    ],
    ids=["supervisord", "systemd", "system", "own", "stopped"],
)
def test_diff_tells_what_stops_and_what_starts(
    before: dict,
    after: dict,
    states: dict,
    told: str,
    machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys,
):
    with_apache(machine)
    apply(demo(**before), root=machine)
    running(monkeypatch, **states)
    capsys.readouterr()
    diff(demo(**after), root=machine)
    shown = capsys.readouterr().out.split("in this order:")[1]
    lines = [
        line.split("  ")
        for line in shown.splitlines()
        if SITE.service("") in line and "/" not in line
    ]
    found = [" ".join(filter(None, (word.strip() for word in line))) for line in lines]
    assert sorted(
        line.split(",  ")[0].replace(SITE.service(""), "").split(", which")[0] for line in found
    ) == sorted(filter(None, told.split("; ")))
