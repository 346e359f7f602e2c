"""`make diff` tells the whole truth: it shows the plan that apply executes, and needs no root for
it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from machine_sites import as_nobody, bare_machine, can_change, demo, family, tree

from sitekit.base.errors import BadInput
from sitekit.machine.apply.commands import apply, diff, plan_apply
from sitekit.machine.installed.manifest import load_manifest

pytestmark = can_change
SCRIPTS = Path(__file__).parents[3] / "scripts"
SITE = demo()
OTHER = demo(front={"url": "https://localhost:8444"}, title="Another :bug: [red]")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return bare_machine(tmp_path)


def test_diff_changes_nothing_and_after_apply_it_is_empty(
    machine: Path, capsys: pytest.CaptureFixture[str]
):
    before = tree(machine)
    assert diff(SITE, root=machine) == 1
    assert tree(machine) == before
    apply(SITE, root=machine)
    capsys.readouterr()
    assert diff(SITE, root=machine) == 0
    assert capsys.readouterr().out.strip() == "ok the machine is what the site says"


@pytest.mark.parametrize(
    "site", [SITE, demo(supervisor="systemd")], ids=lambda site: site.supervisor
)
def test_what_diff_lists_is_what_changes_and_what_the_manifest_records(site, machine: Path):
    """Three accounts of the same: the plan, the tree before and after, and the manifest."""
    before = tree(machine)
    listed = plan_apply(site, family(), machine).changes
    apply(site, root=machine)
    made = {f"/{name}" for name in tree(machine).keys() - before.keys()} - {
        "/etc/sitekit/demo/manifest.json"
    }
    assert made == {what.rstrip("/") for kind, what in listed if kind in ("new file", "new folder")}
    record = load_manifest(site, machine)
    assert {(kind, what) for kind, what in listed} == {
        *(("new file", name) for name in record.files),
        *(("new folder", f"{name}/") for name in record.folders),
        *(("new account", name) for name in record.accounts),
        *(("new group", name) for name in record.groups),
        *(("new member", f"{user} of {group}") for user, group in record.memberships),
    }


def test_a_change_is_shown_as_a_unified_diff(machine: Path, capsys: pytest.CaptureFixture[str]):
    apply(SITE, root=machine)
    capsys.readouterr()
    assert diff(OTHER, root=machine) == 1
    shown = capsys.readouterr().out
    assert "--- /etc/sitekit/demo/apache.conf\n+++ /etc/sitekit/demo/apache.conf\n@@" in shown
    assert "-title: Demo cluster\n+title: 'Another :bug: [red]'\n" in shown
    assert re.search(r"changed file +/etc/sitekit/demo/site.yml \(0644 root\): the site", shown)


def test_apply_prints_what_became_of_the_courses(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Instructors may write these files, and perhaps after the administrator's `make diff`."""
    folder = tmp_path / "courses-of-others"
    folder.mkdir()
    paths = SITE.paths.model_copy(update={"courses": folder})
    site = SITE.model_copy(update={"paths": paths})
    course = folder / "bio101.yml"
    course.write_text(
        "title: One\nstarts: 2026-09-01\nends: 2026-09-30\ntier: small\nroster: {group: bio}\n"
    )
    apply(site, root=machine)
    assert "+title: One\n" in capsys.readouterr().out
    course.write_text(course.read_text().replace("One", "Two"))
    apply(site, root=machine)
    assert "-title: One\n+title: Two\n" in capsys.readouterr().out
    course.unlink()
    apply(site, root=machine)
    assert "-title: Two\n" in capsys.readouterr().out
    folder.rmdir()
    with pytest.raises(BadInput, match="this folder of courses does not exist"):
        apply(site, root=machine)


def test_a_terminal_shows_the_lines_of_files_as_they_are(tmp_path: Path):
    """rich would make pictures of words between colons."""
    code = "from sitekit.base.progress import say; say('+title: Another :bug: [red]')"
    words = [
        "script",
        "--quiet",
        "--return",
        "--command",
        f"{sys.executable} -c {shlex.quote(code)}",
        "/dev/null",
    ]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "TERM": "xterm"}
    shown = subprocess.run(
        words, capture_output=True, text=True, env=environment, timeout=300, check=True
    ).stdout
    assert shown.strip() == "+title: Another :bug: [red]"


def test_no_secret_is_shown(machine: Path, capsys: pytest.CaptureFixture[str]):
    diff(SITE, root=machine)
    assert "a secret is not shown" in (shown := capsys.readouterr().out)
    assert "PRIVATE KEY" not in shown and "CONFIGPROXY_AUTH_TOKEN=" not in shown


def test_a_wrong_mode_or_owner_is_a_change(machine: Path):
    apply(SITE, root=machine)
    before = tree(machine)
    (machine / "etc/sudoers.d/sitekit-demo").chmod(0o644)
    os.chown(machine / "usr/local/libexec/sitekit/demo/gate", 33, 33)
    (machine / "etc/sitekit/demo/tls").chmod(0o755)
    assert sorted(plan_apply(SITE, family(), machine).changes) == [
        ("owner and mode", "/etc/sitekit/demo/tls/"),
        ("owner and mode", "/etc/sudoers.d/sitekit-demo"),
        ("owner and mode", "/usr/local/libexec/sitekit/demo/gate"),
    ]
    apply(SITE, root=machine)
    assert tree(machine) == before


@pytest.mark.parametrize(
    ("change", "sudoers"),
    [
        ({"title": "Another"}, "you may not read it; as sitekit left it, there is nothing to do"),
        ({"login": {"allowed_groups": ["jupyter-admins"]}}, "--- /etc/sudoers.d/sitekit-demo"),
    ],
    ids=["stays", "changes"],
)
def test_without_root_it_says_what_it_may_not_read_and_lists_what_root_does(
    change: dict[str, object], sudoers: str, open_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A user who is not root, in a process of their own; the site is installed and about to change."""
    open_machine = bare_machine(open_path)
    apply(SITE, root=open_machine)
    (open_machine / "etc/sudoers.d").chmod(0o750)
    capsys.readouterr()
    diff(demo(**change), root=open_machine)
    roots = capsys.readouterr().out
    asked = as_nobody(
        "-c",
        "import sys; from pathlib import Path; from machine_sites import demo; "
        "from sitekit.machine.apply.commands import diff; "
        "from sitekit.machine.render import rendered_files; "
        # another test may have written to the checkout's
        "rendered_files.LOCAL_D = 'config/local.d of nobody'; "
        f"sys.exit(diff(demo(**{change}), root=Path({str(open_machine)!r})))",
    )
    assert asked.returncode == 1, asked.stdout + asked.stderr
    assert (
        sudoers in asked.stdout
        and "/etc/sitekit/demo/proxy.env: you may not read it" in asked.stdout
    )
    assert listed(asked.stdout) == listed(roots) != []


def listed(shown: str) -> list[str]:
    """The changes by name, as diff shows them after the files."""
    return [line for line in shown.split("in this order:")[1].splitlines() if "file  " in line]


def test_trouble_is_told_apart_from_changes(machine: Path):
    (machine / "etc/sitekit/demo").mkdir(parents=True)
    (machine / "etc/sitekit/demo/manifest.json").write_text("{")
    with pytest.raises(BadInput) as trouble:
        diff(SITE, root=machine)
    assert trouble.value.exit_code == 2


@pytest.mark.parametrize(
    "path",
    [
        "/etc/sudoers.d/sitekit-demo",
        "/usr/local/libexec/sitekit/demo/gate",
        "/etc/pam.d/sitekit-demo",
    ],
)
def test_what_was_changed_by_hand_is_a_difference_and_not_ok_though_nothing_is_new(
    path: str, machine: Path, capsys: pytest.CaptureFixture[str]
):
    apply(SITE, root=machine)
    there = machine / path.lstrip("/")
    there.chmod(there.stat().st_mode | 0o200)
    edited = there.read_text() + "# by hand\n"
    there.write_text(edited)
    there.chmod(plan_apply(SITE, family(), machine).files[Path(path)].mode)
    capsys.readouterr()
    assert diff(SITE, root=machine) == 1
    shown = capsys.readouterr().out
    assert (
        f"--- {path} (the site)\n+++ {path} (changed by hand)\n" in shown
        and "\n+# by hand\n" in shown
    )
    assert "ok the machine" not in shown
    assert apply(SITE, root=machine) == 1
    said = capsys.readouterr().out
    assert f"!! {path} was changed by hand" in said and "ok the machine" not in said
    assert there.read_text() == edited and not there.with_name(f"{there.name}.new").exists()
    there.unlink()
    assert apply(SITE, root=machine) == 0 and there.read_text() + "# by hand\n" == edited
