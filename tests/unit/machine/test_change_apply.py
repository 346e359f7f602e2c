"""Apply and uninstall, in a file tree of their own: nothing clobbered, everything recorded, all of
it undone."""

from __future__ import annotations

import glob
import os
import re
import shutil
import stat
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from machine_sites import bare_machine, can_change, demo, family, tree

from sitekit.base.errors import BadInput, Problem
from sitekit.base.run_program import CommandFailed
from sitekit.machine.apply import commands as apply_module
from sitekit.machine.apply.commands import apply, plan_apply
from sitekit.machine.apply.service_changes import list_service_changes
from sitekit.machine.host.file_to_write import File
from sitekit.machine.installed.manifest import load_manifest
from sitekit.machine.installed.read_and_restore_path import NOTHING
from sitekit.machine.uninstall.uninstall import uninstall
from sitekit.machine.web.config import front_path

pytestmark = can_change
SITE = demo()
SYSTEMD = demo(supervisor="systemd")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    os.umask(0o077)  # what an administrator's shell may have must not show in what is written
    yield bare_machine(tmp_path)
    os.umask(0o022)


def look(machine: Path, path: str | Path) -> tuple[int, int, int]:
    status = (machine / Path(path).relative_to("/")).stat()
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def accounts(machine: Path) -> dict[str, tuple[int, int, str, str]]:
    rows = (line.split(":") for line in (machine / "etc/passwd").read_text().splitlines())
    return {row[0]: (int(row[2]), int(row[3]), row[5], row[6]) for row in rows}


def manifest(machine: Path):
    return load_manifest(SITE, machine)


def test_modes_and_owners_whatever_the_umask(machine: Path):
    assert apply(SITE, root=machine) == 0
    hub, proxy = accounts(machine)["jupyterhub-daemon"], accounts(machine)["jupyterhub-proxy"]
    assert hub[2:] == ("/var/lib/sitekit/demo", "/usr/sbin/nologin") and proxy[2:] == (
        "/nonexistent",
        "/usr/sbin/nologin",
    )
    assert hub[0] < 1000 and proxy[0] < 1000
    expected = {
        "/etc/sitekit/demo": (0o755, 0, 0),
        "/etc/sitekit/demo/proxy.env": (0o640, 0, proxy[1]),
        "/etc/sitekit/demo/manifest.json": (0o644, 0, 0),
        "/etc/sitekit/demo/site.yml": (0o644, 0, 0),
        "/etc/sitekit/demo/tls": (0o700, 0, 0),
        "/etc/sitekit/demo/tls/key.pem": (0o600, 0, 0),
        "/etc/sudoers.d/sitekit-demo": (0o440, 0, 0),
        "/usr/local/libexec/sitekit/demo/gate": (0o755, 0, 0),
        "/usr/local/libexec/sitekit": (0o755, 0, 0),
        "/var/lib/sitekit": (0o755, 0, 0),
        "/var/lib/sitekit/demo": (0o700, hub[0], hub[1]),
        "/var/log/sitekit/demo": (0o750, 0, 0),
    }
    assert {path: look(machine, path) for path in expected} == expected


def test_the_hub_joins_the_groups_that_it_needs_and_no_other(machine: Path):
    apply(SITE, root=machine)
    groups = [line.split(":") for line in (machine / "etc/group").read_text().splitlines()]
    assert {row[0] for row in groups if "jupyterhub-daemon" in row[3].split(",")} == {
        "shadow",
        "jupyterhub-proxy",
    }
    assert not [row for row in groups if "jupyterhub-proxy" in row[3].split(",")]


def test_twice_is_once(machine: Path):
    apply(SITE, root=machine)
    before = tree(machine)
    assert apply(SITE, root=machine) == 0
    assert tree(machine) == before


def test_uninstall_leaves_the_machine_as_it_was(machine: Path):
    before = tree(machine)
    apply(SITE, root=machine)
    assert tree(machine) != before
    assert uninstall(SITE, root=machine) == 0
    assert tree(machine) == before
    assert uninstall(SITE, root=machine) == 0
    apply(SITE, root=machine)
    uninstall(SITE, root=machine)
    assert tree(machine) == before


def test_what_was_edited_by_hand_is_kept_and_the_new_lies_beside_it(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    apply(SITE, root=machine)
    conf = machine / "etc/sitekit/demo/apache.conf"
    conf.write_text(conf.read_text() + "# mine\n")
    assert apply(SITE, root=machine) == 0, "there is nothing new to offer"
    told = capsys.readouterr().out
    assert "apache.conf was changed by hand" in told and "ok the machine" not in told
    assert not conf.with_name("apache.conf.new").exists()

    other = demo(front={"url": "https://localhost:8444"})
    assert apply(other, root=machine) == 1
    assert "apache.conf.new" in capsys.readouterr().out
    assert conf.read_text().endswith("# mine\n")
    assert "8444" in conf.with_name("apache.conf.new").read_text()
    assert apply(other, root=machine) == 1, "as long as it lies there"

    conf.with_name("apache.conf.new").unlink()
    assert apply(other, root=machine) == 0, "dealt with"
    assert conf.read_text().endswith("# mine\n")


def test_an_offer_that_is_taken_makes_the_file_sitekits_again(machine: Path):
    apply(SITE, root=machine)
    conf = machine / "etc/sitekit/demo/apache.conf"
    conf.write_text("mine\n")
    other = demo(front={"url": "https://localhost:8444"})
    apply(other, root=machine)
    conf.with_name("apache.conf.new").rename(conf)
    assert apply(other, root=machine) == 0
    assert apply(SITE, root=machine) == 0
    assert "8443" in conf.read_text()


def test_a_file_that_was_there_before_is_nobodys_to_overwrite_or_remove(machine: Path):
    (machine / "etc/pam.d/sitekit-demo").write_text("the site's own\n")
    before = tree(machine)
    assert apply(SITE, root=machine) == 1
    assert (machine / "etc/pam.d/sitekit-demo").read_text() == "the site's own\n"
    assert "pam_unix" in (machine / "etc/pam.d/sitekit-demo.new").read_text()
    uninstall(SITE, root=machine)
    assert tree(machine) == before


@pytest.mark.parametrize("kind", ["apache", "nginx"])
def test_nothing_reads_what_is_laid_beside(
    kind: str, machine: Path, logrotate: None, monkeypatch: pytest.MonkeyPatch
):
    """logrotate reads whatever lies in its folder; nginx's include has a pattern, so that the file
    may be missing."""
    site, render = demo(front={"server": kind}), apply_module.render
    extra = site.etc / f"local.d/{kind}.conf"
    line = {"apache": "Redirect 410 /old", "nginx": "location /old { return 410; }"}[kind]
    rotation = Path("/etc/logrotate.d/sitekit-demo")
    monkeypatch.setattr(
        apply_module, "render", lambda *asked: render(*asked) | {extra: File(f"{line}\n")}
    )
    for path in (extra, rotation):
        there = machine / path.relative_to("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(
            f"# ours\n{line}\n"
            if path == extra
            else render(site, family())[path].content + "# ours\n"
        )
    assert apply(site, root=machine) == 1
    assert {path.name for path in plan_apply(site, family(), machine).offers} == {
        extra.name,
        rotation.name,
    }
    folder = machine / "etc/logrotate.d"
    assert len(list(folder.iterdir())) == 2
    said = subprocess.run(
        ["logrotate", "--debug", folder], capture_output=True, text=True, check=True
    ).stderr
    assert "duplicate" not in said and "sitekit-demo" in said
    text = (machine / front_path(site, family()).relative_to("/")).read_text()
    [pattern] = re.findall(r"(?m)^ *include(?:optional)? (\S+?);?$", text, re.IGNORECASE)
    assert glob.glob(f"{machine}{pattern}") == [f"{machine}{extra}"]


def test_what_is_gone_by_the_time_is_not_said_to_be_left(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    (machine / "etc/pam.d/sitekit-demo").write_text("the site's own\n")
    apply(SITE, root=machine)
    (machine / "etc/pam.d/sitekit-demo").unlink()
    capsys.readouterr()
    uninstall(SITE, root=machine)
    assert "pam.d" not in capsys.readouterr().out


def test_a_link_is_not_followed(machine: Path):
    (machine / "etc/precious").write_text("precious\n")
    (machine / "etc/pam.d/sitekit-demo").symlink_to("../precious")
    assert apply(SITE, root=machine) == 1
    assert (machine / "etc/precious").read_text() == "precious\n"


def test_uninstall_keeps_edited_files_and_the_hubs_memory_and_says_so(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    apply(SITE, root=machine)
    (machine / "etc/pam.d/sitekit-demo").write_text("mine\n")
    database = machine / "var/lib/sitekit/demo/jupyterhub.sqlite"
    database.write_text("people\n")
    shutil.chown(database, accounts(machine)["jupyterhub-daemon"][0])
    capsys.readouterr()
    uninstall(SITE, root=machine)
    said = capsys.readouterr().out
    assert (
        "/etc/pam.d/sitekit-demo: changed by hand" in said and "rm -r /var/lib/sitekit/demo" in said
    )
    assert (machine / "etc/pam.d/sitekit-demo").exists() and database.read_text() == "people\n"
    assert look(machine, "/var/lib/sitekit/demo") == (0o700, 0, 0), (
        "the number of the account may be given out again"
    )
    assert look(machine, "/var/lib/sitekit/demo/jupyterhub.sqlite")[1] == 0
    assert "jupyterhub-daemon" not in accounts(machine)


def test_after_uninstall_the_next_apply_gives_the_hub_its_memory_back(machine: Path):
    apply(SITE, root=machine)
    database = machine / "var/lib/sitekit/demo/folder/jupyterhub.sqlite"
    database.parent.mkdir()
    database.write_text("people\n")
    (machine / "precious").write_text("root's\n")
    (database.parent / "link").symlink_to(machine / "precious")
    for _ in range(2):
        uninstall(SITE, root=machine)
        assert look(machine, "/var/lib/sitekit/demo") == (0o700, 0, 0)
        assert apply(SITE, root=machine) == 0
    hub = accounts(machine)["jupyterhub-daemon"][0]
    assert look(machine, "/var/lib/sitekit/demo/folder/jupyterhub.sqlite")[1] == hub
    assert look(machine, "/precious")[1] == 0, "no link is followed"


def test_somebody_elses_folder_does_not_become_the_hubs(machine: Path):
    (machine / "srv/data").mkdir(parents=True)
    (machine / "srv/data").chmod(0o755)
    (machine / "srv/data/thesis").write_text("mine\n")
    before = tree(machine)
    with pytest.raises(BadInput, match=r"paths\.state: /srv/data is not empty"):
        apply(demo(paths={"state": "/srv/data"}), root=machine)
    assert tree(machine) == before


def test_an_account_that_was_there_before_stays(machine: Path):
    with (machine / "etc/passwd").open("a") as passwd, (machine / "etc/group").open("a") as group:
        passwd.write("jupyterhub-proxy:x:500:500::/home/p:/bin/false\n")
        group.write("webproxy:x:500:\n")
    before = tree(machine)
    apply(SITE, root=machine)
    assert look(machine, "/etc/sitekit/demo/proxy.env") == (0o640, 0, 500)
    uninstall(SITE, root=machine)
    assert tree(machine) == before


def test_the_memory_of_an_account_that_was_there_before_stays_its_own(machine: Path):
    with (machine / "etc/passwd").open("a") as passwd, (machine / "etc/group").open("a") as group:
        passwd.write("jupyterhub-daemon:x:501:501::/home/h:/bin/false\n")
        group.write("hub:x:501:\n")
    apply(SITE, root=machine)
    database = machine / "var/lib/sitekit/demo/jupyterhub.sqlite"
    database.write_text("people\n")
    os.chown(database, 501, 501)
    uninstall(SITE, root=machine)
    assert (database.parent.stat().st_uid, database.stat().st_uid) == (501, 501)


def test_changing_the_supervisor_takes_its_files_away(machine: Path):
    apply(SITE, root=machine)
    apply(SYSTEMD, root=machine)
    assert not (machine / "etc/sitekit/demo/supervisord.conf").exists()
    assert (machine / "etc/systemd/system/sitekit-demo-hub.service").exists()
    apply(SITE, root=machine)
    assert not (machine / "etc/systemd/system/sitekit-demo-hub.service").exists()


def test_secrets_are_made_once_and_differ_between_machines(
    machine: Path, tmp_path_factory: pytest.TempPathFactory
):
    apply(SITE, root=machine)
    secrets = [
        machine / "etc/sitekit/demo" / name for name in ("proxy.env", "tls/key.pem", "tls/cert.pem")
    ]
    before = [path.read_text() for path in secrets]
    apply(SITE, root=machine)
    assert [path.read_text() for path in secrets] == before
    other = bare_machine(tmp_path_factory.mktemp("other"))
    apply(SITE, root=other)
    assert not set(before) & {(other / path.relative_to(machine)).read_text() for path in secrets}


def test_a_token_that_is_no_token_is_replaced_only_beside_what_somebody_wrote(machine: Path):
    apply(SITE, root=machine)
    token = machine / "etc/sitekit/demo/proxy.env"
    token.write_text("CONFIGPROXY_AUTH_TOKEN=short\n")
    assert apply(SITE, root=machine) == 1
    assert token.read_text() == "CONFIGPROXY_AUTH_TOKEN=short\n"


def test_a_new_host_gets_a_new_certificate(machine: Path):
    apply(SITE, root=machine)
    cert = machine / "etc/sitekit/demo/tls/cert.pem"
    before = cert.read_text()
    assert apply(demo(front={"url": "https://jupyter.example.org:8443"}), root=machine) == 0
    assert cert.read_text() != before


@pytest.mark.parametrize("installed", [False, True], ids=["the first apply", "a later one"])
def test_a_write_that_was_cut_short_is_still_known_as_ours(installed: bool, machine: Path):
    """The power fails after some files are on disk and before the manifest is written a last time."""
    before, other = tree(machine), demo(front={"url": "https://localhost:8444"}, title="Other")
    assert not installed or apply(SITE, root=machine) == 0
    pid = os.fork()
    if not pid:
        actions = plan_apply(other, family(), machine).actions
        with ExitStack() as undo:
            for action in actions[: len(actions) // 2]:
                action.do(machine, undo)
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0 and tree(machine) != before
    assert apply(other, root=machine) == 0
    uninstall(other, root=machine)
    assert tree(machine) == before


def test_a_broken_sudo_rule_never_reaches_the_machine(
    machine: Path, monkeypatch: pytest.MonkeyPatch
):
    before = tree(machine)
    broken = {Path("/etc/sudoers.d/sitekit-demo"): File("nonsense here\n", 0o440)}
    monkeypatch.setattr(apply_module, "render", lambda *_: broken)
    with pytest.raises(CommandFailed, match="visudo"):
        apply(SITE, root=machine)
    assert tree(machine) == before


def test_a_group_that_is_not_there_is_told_before_anything_changes(machine: Path):
    before = tree(machine)
    with pytest.raises(
        BadInput,
        match=r"(?s)login\.allowed_groups: there is no group nobodys.*login\.admin_groups: .*bosses",
    ):
        apply(demo(login={"allowed_groups": ["nobodys"], "admin_groups": ["bosses"]}), root=machine)
    assert tree(machine) == before


def test_a_damaged_manifest_stops_everything(machine: Path):
    apply(SITE, root=machine)
    (machine / "etc/sitekit/demo/manifest.json").write_text("{")
    before = tree(machine)
    for command in (apply, uninstall):
        with pytest.raises(Problem, match=r"manifest\.json"):
            command(SITE, root=machine)
    assert tree(machine) == before


def test_the_manifest_lists_every_file_that_was_written(machine: Path):
    before = set(tree(machine))
    apply(SITE, root=machine)
    made = {f"/{name}" for name in set(tree(machine)) - before}
    listed = {
        *manifest(machine).files,
        *manifest(machine).folders,
        "/etc/sitekit/demo/manifest.json",
    }
    assert made == listed


def test_what_was_taken_away_by_hand_is_made_again_and_recorded_once(machine: Path):
    apply(SITE, root=machine)
    record = manifest(machine).text
    (machine / "var/backups/sitekit/demo").rmdir()
    subprocess.run(
        ["gpasswd", "--root", machine, "--delete", "jupyterhub-daemon", "shadow"], check=True
    )
    assert [kind for kind, _ in plan_apply(SITE, family(), machine).changes] == [
        "new folder",
        "new member",
    ]
    apply(SITE, root=machine)
    assert plan_apply(SITE, family(), machine).changes == []
    assert manifest(machine).text == record


def test_two_sites_share_a_machine(machine: Path):
    before = tree(machine)
    ports = {
        "hub": {"port": 9081},
        "proxy": {"port": 9000, "api_port": 9001},
        "front": {"url": "https://localhost:9443"},
    }
    second = demo(
        name="second", paths={"prefix": "/opt/second", "state": "/var/lib/sitekit/second"}, **ports
    )
    apply(SITE, root=machine)
    alone = tree(machine)
    apply(second, root=machine)
    uninstall(second, root=machine)
    assert tree(machine) == alone
    uninstall(SITE, root=machine)
    assert tree(machine) == before


@pytest.mark.parametrize(
    ("path", "services"),
    [
        ("/etc/sitekit/demo/site.yml", {"hub"}),
        ("/etc/sitekit/demo/local.d/extra.py", {"hub"}),
        ("/etc/sitekit/demo/proxy.env", {"hub", "proxy"}),
        ("/etc/sitekit/demo/tls/cert.pem", {"front": "reload"}),
        ("/etc/sitekit/demo/apache.conf", {"front": "reload"}),
        ("/etc/sitekit/demo/local.d/apache.conf", {"front": "reload"}),
        ("/etc/sitekit/demo/local.d/nginx.conf", set()),
        ("/etc/sitekit/demo/tls/openid.conf", {"front": "reload"}),
        ("/etc/systemd/system/sitekit-demo-front.service", {"front"}),
        ("/etc/systemd/system/sitekit-demo-backup.timer", {"hub"}),
        ("/etc/systemd/system/sitekit-demo-proxy.service", {"proxy"}),
        ("/etc/sudoers.d/sitekit-demo", set()),
        ("/usr/local/libexec/sitekit/demo/gate", set()),
        ("/etc/pam.d/sitekit-demo", set()),
    ],
)
def test_only_what_reads_a_changed_file_takes_it_in_and_as_gently_as_can_be(
    path: str, services: set[str] | dict
):
    """A restart of the proxy or of Apache would cut every open notebook's connection."""
    running = {SYSTEMD.service(part): "running" for part in ("hub", "proxy", "front")}
    found = list_service_changes(SYSTEMD, family(), {Path(path): NOTHING}, {}, running, SYSTEMD)
    verbs = services if isinstance(services, dict) else dict.fromkeys(services, "restart")
    assert {change.name: change.verb for change in found} == {
        f"sitekit-demo-{part}": v for part, v in verbs.items()
    }


def test_what_is_stopped_stays_so_and_what_cannot_be_asked_is_told_with_an_if():
    path = {Path("/etc/sitekit/demo/site.yml"): NOTHING}
    assert (
        list_service_changes(SYSTEMD, family(), path, {}, {"sitekit-demo-hub": "stopped"}, SYSTEMD)
        == []
    )
    for state in ("running", "unknown"):
        [change] = list_service_changes(
            SYSTEMD, family(), path, {}, {"sitekit-demo-hub": state}, SYSTEMD
        )
        assert change.state == state


def test_a_changed_supervisord_conf_restarts_the_programs_that_changed_in_it(machine: Path):
    apply(SITE, root=machine)
    moved = demo(proxy={"port": 18005})
    found = plan_apply(moved, family(), machine)
    conf = next(action for action in found.actions if action.what[1].endswith("supervisord.conf"))
    running = {SITE.service(part): "running" for part in ("hub", "proxy", "front")}
    changes = list_service_changes(
        moved, family(), {conf.path: conf.before}, {conf.path: conf.file}, running, SITE
    )
    assert [(change.name, change.verb) for change in changes] == [("sitekit-demo-proxy", "restart")]
