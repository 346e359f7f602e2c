"""Whether a site fits the machine: can the people log in whom it lets in, and does what is secret
stay so."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from machine_sites import bare_machine, can_change, demo, family

from sitekit.base.errors import BadInput
from sitekit.machine.apply import commands as apply_module
from sitekit.machine.apply.commands import apply, plan_apply
from sitekit.machine.checks.preconditions import require_preconditions

pytestmark = can_change
SITE = demo()
SECOND = {
    "name": "second",
    "paths": {"prefix": "/opt/second", "state": "/var/lib/sitekit/second"},
    "proxy": {"port": 9000, "api_port": 9001},
    "front": {"url": "https://localhost:9443"},
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return bare_machine(tmp_path)


def add(machine: Path, file: str, *rows: str) -> None:
    with (machine / "etc" / file).open("a") as rest:
        rest.writelines(f"{row}\n" for row in rows)


def test_whose_password_is_not_in_the_shadow_file_is_told(machine: Path):
    """A hash behind `!` is locked, on purpose; `*` or `!` alone is none."""
    add(machine, "passwd", "dave:x:1000:2000::/:/bin/sh")
    group = machine / "etc/group"
    group.write_text(
        group.read_text().replace("jupyter-users:x:2000:", "jupyter-users:x:2000:alice,bob,carol")
    )
    add(machine, "shadow", "alice:$y$j9T$x:1::::::", "bob:!$y$j9T$x:1::::::", "carol:!*:1::::::")
    note = " ".join(plan_apply(SITE, family(), machine).notes)
    assert "2 of 4" in note and "(carol, dave)" in note and "passwords: sssd" in note
    add(machine, "shadow", "dave:$y$j9T$x:1::::::", "carol:$y$j9T$x:1::::::")
    assert plan_apply(SITE, family(), machine).notes == []


def test_sssd_has_its_module_and_answers():
    site = demo(login={"passwords": "sssd"})
    with TemporaryDirectory() as short:  # a socket's path has 107 characters at most
        machine = bare_machine(Path(short))
        pipe = machine / family().pam.sssd_pipe.relative_to("/")
        pipe.parent.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as daemon:
            daemon.bind(str(pipe))
            daemon.listen()
            assert plan_apply(site, family(), machine).notes == []
        [note] = plan_apply(site, family(), machine).notes
        assert "sssd does not answer" in note
        shutil.rmtree(machine / "usr/lib")
        with pytest.raises(BadInput, match=r"(?s)no pam_sss\.so.*libpam-sss"):
            apply(site, root=machine)
        (machine / "etc/pam.d/sitekit-demo").write_text("auth required pam_winbind.so\n")
        require_preconditions(site, machine)


def test_the_proxys_secret_is_not_for_a_group_that_others_share(machine: Path):
    add(machine, "group", "users:x:100:jupyterhub-daemon")
    add(machine, "passwd", "jupyterhub-proxy:x:900:100::/:/bin/false")
    require_preconditions(SITE, machine)
    add(machine, "passwd", "alice:x:1000:100::/:/bin/sh")
    with pytest.raises(BadInput, match=r"(?s)users, is also that of alice.*usermod --gid"):
        apply(SITE, root=machine)


def test_two_hubs_do_not_read_one_proxys_secret(machine: Path, monkeypatch: pytest.MonkeyPatch):
    """What is told to do is enough, also where both are installed that way."""
    second = demo(**SECOND, hub={"port": 9081, "user": "second-hub"})
    apply(SITE, root=machine)
    with monkeypatch.context() as older:
        older.setattr(apply_module, "unmet_preconditions", lambda *words: [])
        apply(second, root=machine)
    for site in (SITE, second):
        with pytest.raises(BadInput, match=r"a proxy\.user of its own") as refused:
            apply(site, root=machine)
        assert "usermod" not in str(refused.value)
    apply(
        second.model_copy(
            update={"proxy": second.proxy.model_copy(update={"user": "second-proxy"})}
        ),
        root=machine,
    )
    require_preconditions(SITE, machine)


def test_hubs_at_two_addresses_may_have_one_port(machine: Path):
    apply(SITE, root=machine)
    require_preconditions(
        demo(**SECOND, hub={"address": "10.1.0.9", "port": SITE.hub.port}), machine
    )
    with pytest.raises(BadInput, match=r"hub\.port: port 18000 is that of the site demo"):
        require_preconditions(
            demo(**SECOND, hub={"address": "10.1.0.9", "port": SITE.proxy.port}), machine
        )


def test_another_module_in_the_service_is_a_persons_choice(machine: Path):
    """Only where it was written by hand: what sitekit wrote there changes with the site."""
    group = machine / "etc/group"
    group.write_text(
        group.read_text().replace("jupyter-users:x:2000:", "jupyter-users:x:2000:alice")
    )
    apply(SITE, root=machine)
    assert "1 of 1" in plan_apply(SITE, family(), machine).notes[0]
    shutil.rmtree(machine / "usr/lib")
    with pytest.raises(BadInput, match=r"no pam_sss\.so"):
        require_preconditions(demo(login={"passwords": "sssd"}), machine)
    (machine / "etc/pam.d/sitekit-demo").write_text("auth required pam_winbind.so\n")
    assert not any("/etc/shadow" in note for note in plan_apply(SITE, family(), machine).notes)
    sssd = demo(login={"passwords": "sssd"})
    require_preconditions(sssd, machine)
    assert not any(
        "sssd does not answer" in note for note in plan_apply(sssd, family(), machine).notes
    )


def test_one_fault_does_not_hide_another(machine: Path):
    site = demo(
        login={"admin_groups": ["nobodys-group"]},
        front={"certificate": {"certificate": "/etc/none.pem", "key": "/etc/none.key"}},
        paths={"state": "/srv/data/state"},
    )
    (machine / "srv/data").mkdir(parents=True)
    (machine / "srv/data").chmod(0o777)
    with pytest.raises(BadInput) as refused:
        require_preconditions(site, machine)
    told = str(refused.value)
    assert (
        "nobodys-group" in told
        and "/etc/none.pem is not there" in told
        and "other accounts than root can write to" in told
    )


@pytest.mark.parametrize(
    ("name", "mode", "owner", "why"),
    [
        ("fr.po", 0o644, 0, ""),
        ("fr.mo", 0o644, 0, "is not a gettext catalogue"),
        ("fr.po", 0o640, 0, "the hub cannot read"),
        ("fr.po", 0o644, 1000, "other accounts than root can write"),
        ("logo.svg", 0o644, 0, ""),
        ("logo.gif", 0o644, 0, "is not an image"),
        ("logo.svg", 0o640, 0, "the hub cannot read"),
        ("logo.svg", 0o644, 1000, "other accounts than root can write"),
        ("logo.svg", 0o646, 0, "other accounts than root can write"),
        ("logo.svg", None, 0, "is not there"),
    ],
)
def test_only_root_can_replace_logo_and_translations(
    machine: Path, name: str, mode: int | None, owner: int, why: str
):
    """Scripts in an SVG file or in a translation run as scripts of the hub."""
    machine.chmod(0o755)
    logo = machine / "etc/jupyter" / name
    logo.parent.mkdir(parents=True)
    if mode is not None:
        logo.write_text("<svg/>")
        logo.chmod(mode)
        shutil.chown(logo, owner, owner)
    key = "logo" if name.startswith("logo") else "catalogue"
    site = demo(pages={key: f"/etc/jupyter/{name}"})
    if not why:
        require_preconditions(site, machine)
        return
    with pytest.raises(BadInput, match=why) as refused:
        require_preconditions(site, machine)
    assert f"pages.{key}" in str(refused.value)
