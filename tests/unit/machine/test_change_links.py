"""A site in the machine's own web server: the links that take it into use are plan_apply, recorded and
undone."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine_sites import APACHE, bare_machine, can_change, demo, family, tree, with_apache
from test_change_failures import Crash, break_after

from sitekit.base.errors import BadInput
from sitekit.machine.apply import commands as apply_module
from sitekit.machine.apply.commands import apply, diff, plan_apply
from sitekit.machine.apply.service_changes import list_service_changes
from sitekit.machine.host.target import Target
from sitekit.machine.installed.manifest import load_manifest
from sitekit.machine.installed.read_and_restore_path import NOTHING
from sitekit.machine.uninstall.uninstall import uninstall
from sitekit.machine.web.apache_links import check_installed
from sitekit.machine.web.certificate import self_signed

pytestmark = can_change
SITE = demo(front={"instance": "system"})
OWN, MODULES = (
    Path("etc/apache2/sites-enabled/zz-sitekit-demo.conf"),
    Path("etc/apache2/mods-enabled"),
)
THERE = ("alias", "authz_core", "mime", "mpm_event", "setenvif")
# What the site needs and was not enabled, with what that depends on.
LOADED = {"headers", "proxy", "proxy_http", "reqtimeout", "socache_shmcb", "ssl"}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """One whose Apache has a few modules, one of them without its settings."""
    with_apache(bare_machine(tmp_path), *THERE)
    (tmp_path / MODULES / "mime.conf").symlink_to("../mods-available/mime.conf")
    return tmp_path


def links(machine: Path) -> dict[str, str]:
    return load_manifest(SITE, machine).links


def test_the_links_are_shown_made_recorded_and_taken_away(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    before = tree(machine)
    diff(SITE, root=machine)
    shown = capsys.readouterr().out
    listed = [
        what for kind, what in plan_apply(SITE, family(), machine).changes if kind == "new link"
    ]
    assert apply(SITE, root=machine) == 0
    made = {path for path in (machine / "etc/apache2").rglob("*") if path.is_symlink()}
    made = {
        f"/{path.relative_to(machine)}": str(path.readlink())
        for path in made
        if str(path.relative_to(machine)) not in before
    }
    assert made == links(machine) and sorted(
        f"{path} -> {to}" for path, to in made.items()
    ) == sorted(listed)
    assert all(f"new link        {line}: " in shown for line in listed)
    assert {Path(path).stem for path in made} == LOADED | {"zz-sitekit-demo"}
    assert made["/etc/apache2/mods-enabled/ssl.conf"] == "../mods-available/ssl.conf"
    assert made[f"/{OWN}"] == "../sites-available/zz-sitekit-demo.conf", "as a2ensite makes it"
    assert listed[-1].startswith(f"/{OWN}"), "when all that it needs is there"
    assert plan_apply(SITE, family(), machine).changes == []
    assert uninstall(SITE, root=machine) == 0
    assert tree(machine) == before


def test_whatever_fails_the_links_are_as_they_were(machine: Path, monkeypatch: pytest.MonkeyPatch):
    before = tree(machine)
    monkeypatch.setattr(apply_module, "check", lambda *words: None)
    kinds = [action.what[0] for action in plan_apply(SITE, family(), machine).actions]
    first = kinds.index("new link")
    # The first link, the site's own, the test; the others are those of test_change_failures.
    for number in (first, kinds.index("test") - 1, kinds.index("test")):
        with monkeypatch.context() as broken, pytest.raises(Crash):
            break_after(broken, number)
            apply(SITE, root=machine)
        assert tree(machine) == before, f"after {kinds[number]}"
    with monkeypatch.context() as broken, pytest.raises(Crash):
        broken.setattr(
            apply_module, "restart_services", lambda *words: (_ for _ in ()).throw(Crash())
        )
        apply(SITE, root=machine)
    assert tree(machine) == before, "when the site does not answer"


def test_what_somebody_enabled_stays_theirs_with_or_without_its_settings(machine: Path):
    (machine / MODULES / "ssl.load").write_text("LoadModule ssl_module /opt/ssl.so\n")
    before = tree(machine)
    apply(SITE, root=machine)
    assert {"ssl.conf", "alias.conf", "mime.conf"} & {
        Path(path).name for path in links(machine)
    } == set()
    uninstall(SITE, root=machine)
    assert tree(machine) == before


def test_a_link_that_somebody_changed_is_left_and_told(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    apply(SITE, root=machine)
    changed = machine / MODULES / "headers.load"
    changed.unlink()
    changed.symlink_to("/opt/headers.load")
    (machine / MODULES / "proxy.load").unlink()
    capsys.readouterr()
    apply(SITE, root=machine)
    assert f"/{MODULES}/headers.load: changed by hand, and left alone" in capsys.readouterr().out
    assert (machine / MODULES / "proxy.load").is_symlink(), "what was taken away is made again"
    (machine / OWN).unlink()
    (machine / OWN).symlink_to("/opt/sitekit-demo.conf")
    uninstall(SITE, root=machine)
    assert f"left /{OWN}: changed by hand; remove it with: rm /{OWN}" in capsys.readouterr().out
    assert str(changed.readlink()) == "/opt/headers.load" and (machine / OWN).is_symlink()


def test_a_front_that_moves_into_an_apache_of_its_own_takes_its_links_along(machine: Path):
    apply(SITE, root=machine)
    apply(demo(), root=machine)
    assert not (machine / OWN).is_symlink() and links(machine) == {}
    assert {path.stem for path in (machine / MODULES).iterdir()} == set(THERE)
    kinds = [
        kind
        for kind, what in plan_apply(SITE, family(), machine).changes
        if what.startswith(f"/{OWN.parent}")
    ]
    assert kinds == ["new link"]


@pytest.mark.parametrize(
    ("gone", "site", "remedy"),
    [
        (
            "apache2/mods-available/ssl.load",
            {},
            "mod_ssl is not installed.*apt-get install apache2$",
        ),
        (
            "",
            {"outside": {"inside": ["10.0.0.0/8"], "method": "shibboleth"}},
            "mod_shib .*install libapache2-mod-shib",
        ),
        ("", {"server": "nginx"}, "nginx is not installed.*apt-get install nginx"),
    ],
)
def test_what_is_not_installed_is_refused_before_anything_changes(
    gone: str, site: dict[str, object], remedy: str, machine: Path
):
    if gone:
        (machine / "etc" / gone).unlink()
    before = tree(machine)
    with pytest.raises(BadInput, match=f"(?s){remedy}"):
        apply(demo(front={"instance": "system"} | site), root=machine)
    assert tree(machine) == before


def test_where_modules_are_loaded_by_files_alone_there_are_no_links(tmp_path: Path):
    """EL: httpd's conf.modules.d holds what is installed, and conf.d is read as it is."""
    site = demo(front={"instance": "system"}, login={"passwords": "sssd"})
    loads = bare_machine(tmp_path) / "etc/httpd/conf.modules.d"
    loads.mkdir(parents=True)
    (tmp_path / "etc/httpd/conf.d").mkdir()
    (tmp_path / "etc/os-release").write_text('ID="rocky"\nID_LIKE="rhel centos fedora"\n')
    lines = [f"LoadModule {name}_module modules/mod_{name}.so" for name in APACHE if name != "ssl"]
    (loads / "00-base.conf").write_text(
        "\n".join([*lines, "#LoadModule ssl_module modules/mod_ssl.so"])
    )
    with pytest.raises(BadInput, match=r"(?s)mod_ssl is not installed.*dnf install mod_ssl"):
        check_installed(Target(site, tmp_path), family("el"))
    (loads / "00-ssl.conf").write_text("LoadModule ssl_module modules/mod_ssl.so\n")
    check_installed(Target(site, tmp_path), family("el"))
    found = plan_apply(site, family("el"), tmp_path)
    kinds = dict(found.changes)
    assert "new link" not in kinds and kinds["test"] == "/usr/sbin/apachectl configtest"
    assert [note for note in found.notes if "setsebool" in note] and [
        n for n in found.notes if "httpd does not run" in n
    ]


@pytest.mark.parametrize(
    ("changed", "verb"),
    [
        ("/etc/apache2/sites-available/zz-sitekit-demo.conf", "reload"),
        ("/etc/apache2/sites-enabled/zz-sitekit-demo.conf", "reload"),
        ("/etc/apache2/mods-enabled/ssl.load", "reload"),
        ("/etc/apache2/mods-enabled/auth_openidc.load", "restart"),
        ("/etc/sitekit/demo/tls/cert.pem", "reload"),
        ("/etc/sitekit/demo/local.d/apache.conf", "reload"),
        ("/etc/apache2/sites-available/zz-sitekit-demo.conf.new", None),
        ("/etc/sitekit/demo/site.yml", None),
    ],
)
def test_the_machines_web_server_takes_in_what_it_reads_as_gently_as_can_be(
    changed: str, verb: str | None
):
    paths = {Path(changed): NOTHING}
    found = list_service_changes(
        SITE, family(), paths, {}, {"apache2": "running", "nginx": "running"}, SITE
    )
    assert [(change.name, change.verb) for change in found] == ([("apache2", verb)] if verb else [])
    assert (
        list_service_changes(
            SITE, family(), paths, {}, {"apache2": "stopped", "nginx": "running"}, SITE
        )
        == []
    )


def test_a_certificate_that_certbot_renewed_is_sitekits_own(tmp_path: Path):
    """`take_certificate` put it there. It is kept, and goes at uninstall; one that is out of date
    is replaced."""
    acme = {"server": "nginx", "certificate": "acme", "acme": {"contact": "admins@example.org"}}
    site = demo(front={"url": "https://hub.example.org"} | acme)
    before = tree(bare_machine(tmp_path))
    for host in ("hub.example.org", "old.example.org"):
        apply(site, root=tmp_path)
        renewed = self_signed(demo(front={"url": f"https://{host}"}))
        for name, text in zip(("cert.pem", "key.pem"), renewed, strict=True):
            (tmp_path / "etc/sitekit/demo/tls" / name).write_text(text)
        kept = host == "hub.example.org"
        assert [kind for kind, _ in plan_apply(site, family(), tmp_path).changes] == (
            [] if kept else ["changed file"] * 2
        )
    assert uninstall(site, root=tmp_path) == 0
    assert tree(tmp_path) == before
