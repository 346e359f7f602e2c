"""The parts of a session that need no Jupyter: the tree of links, the user's variables, the
notice's arithmetic."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from site_example import full_site
from tests.processes import has_ended
from tests.slurm import until

from sitekit.contracts.gate_config import session_settings
from sitekit.session import variables_of_login_shell
from sitekit.session.figures import cgroup
from sitekit.session.figures.time_left import notice
from sitekit.session.prepare_root_folder import make_root
from sitekit.session.variables_of_login_shell import LoginShell

ROOT = "~/.jupyterhub-tree"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, and the variables that the gate sets for its owner."""
    for name, value in {
        "HOME": str(tmp_path),
        "USER": "u",
        "LOGNAME": "u",
        "SHELL": "/bin/bash",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(variables_of_login_shell, "SHELL_TIMEOUT", 120.0)  # a machine may be busy
    return tmp_path


def test_a_tree_holds_links_to_what_exists(home: Path) -> None:
    (home / "work" / "u").mkdir(parents=True)
    links = {
        "home": "~",
        "work": f"{home}/work/{{user}}",
        "scratch": f"{home}/scratch/{{user}}",
        "here": "~/work",
    }
    root = make_root(ROOT, links, home, "u")
    assert root == home / ".jupyterhub-tree"
    assert root.stat().st_mode & 0o777 == 0o700
    assert {path.name: os.readlink(path) for path in root.iterdir()} == {
        "home": str(home),
        "work": str(home / "work" / "u"),
        "here": str(home / "work"),
    }


def test_links_follow_the_site_and_the_users_own_files_stay(home: Path) -> None:
    for name in ("old", "new"):
        (home / name).mkdir()
    root = make_root(ROOT, {"work": "~/old", "data": "~/old", "gone": "~/old"}, home, "u")
    (root / "mine").mkdir()
    (root / "note").write_text("mine")
    (root / "my link").symlink_to("/nonexistent")
    (root / "gone").unlink()
    (root / "gone").symlink_to(home / "away")
    links = {"work": "~/new", "data": "~/old", "mine": "~/new", "note": "~/new", "gone": "~/away"}
    assert make_root(ROOT, links, home, "u") == root
    assert os.readlink(root / "work") == str(home / "new")
    assert os.readlink(root / "data") == str(home / "old")
    assert (root / "mine").is_dir() and not (root / "mine").is_symlink()
    assert (root / "note").read_text() == "mine"
    assert os.readlink(root / "my link") == "/nonexistent"
    assert not (root / "gone").is_symlink(), "a link to nothing was left"
    assert sorted(path.name for path in root.iterdir()) == [
        "data",
        "mine",
        "my link",
        "note",
        "work",
    ]


def test_a_tree_can_be_closed_and_is_opened_again_when_the_site_changes(home: Path) -> None:
    for read_only, mode, links in (
        (True, 0o500, {"a": "~"}),
        (True, 0o500, {"b": "~"}),
        (False, 0o700, {"c": "~"}),
    ):
        root = make_root(ROOT, links, home, "u", read_only)
        assert root.stat().st_mode & 0o777 == mode
    assert sorted(path.name for path in root.iterdir()) == ["a", "b", "c"]


def test_without_a_tree_the_root_is_the_home(home: Path) -> None:
    assert make_root("~", {}, home, "u") == home
    assert list(home.iterdir()) == []


def test_a_folder_that_cannot_be_made_does_not_keep_the_server_from_starting(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / ".jupyterhub-tree").write_text("a file of the user's")
    assert make_root(ROOT, {"home": "~"}, home, "u") == home
    assert (home / ".jupyterhub-tree").read_text() == "a file of the user's"
    assert f"starting in {home}" in capsys.readouterr().out


def test_the_site_reaches_the_session(tmp_path: Path) -> None:
    settings = session_settings(full_site(tmp_path))
    assert settings["root"] == "~/.jupyterhub-tree"
    assert settings["links"] == {"home": "~", "work": "/work/{user}", "scratch": "/scratch/{user}"}
    assert settings["user_variables"] == ["WANDB_API_KEY", "HF_TOKEN"]
    assert settings["umask"] == "0002"


def asked(*wanted: str, umask: str = "0022") -> dict[str, str]:
    """What the login shell changes in this process, whose environment and umask are put back."""
    before, mask = dict(os.environ), os.umask(0o077)
    try:
        LoginShell(wanted, umask).apply()
        return (
            {name: os.environ[name] for name in wanted if name in os.environ}
            if dict(os.environ) != before
            else {}
        )
    finally:
        os.umask(mask)
        os.environ.clear()
        os.environ.update(before)


def mask_of(umask: str) -> str:
    """The umask that files are made with afterwards."""
    mask = os.umask(0o077)
    try:
        LoginShell([], umask).apply()
        return f"{os.umask(0):04o}"
    finally:
        os.umask(mask)


LOGINS = [
    ("/bin/bash", ".bash_profile", "export {}='{}'"),
    ("/bin/sh", ".profile", "export {}='{}'"),
    ("/bin/tcsh", ".login", "setenv {} '{}'"),
    ("/bin/zsh", ".zprofile", "export {}='{}'"),
]


@pytest.mark.parametrize(
    ("shell", "dotfile", "line"), [login for login in LOGINS if shutil.which(login[0])]
)
def test_wanted_variables_come_from_the_login_shell(
    home: Path, monkeypatch: pytest.MonkeyPatch, shell: str, dotfile: str, line: str
) -> None:
    monkeypatch.setenv("SHELL", shell)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    words = [
        line.format("WANTED", "a=b; $HOME"),
        line.format("OTHER", "x"),
        "env > $HOME/seen",
        "echo hello",
    ]
    (home / dotfile).write_text("\n".join(words) + "\n")
    assert asked("WANTED", "ABSENT") == {"WANTED": "a=b; $HOME"}
    assert "secret" not in (home / "seen").read_text()


def test_what_a_dotfile_prints_spoils_nothing(home: Path) -> None:
    (home / ".profile").write_text(
        "export WANTED='two\nlines' FIRST=1\necho welcome; printf 'no end of line'\n"
    )
    names = [
        "WANTED",
        "FIRST",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PATH",
        "LANG",
        "TERM",
        "PWD",
        "SHLVL",
    ]
    got = asked(*names)
    assert sorted(got) == sorted(names), "the first of them was taken for what the dotfile printed"
    assert (got["WANTED"], got["FIRST"]) == ("two\nlines", "1")


def test_nothing_is_asked_where_nothing_is_wanted(home: Path) -> None:
    (home / ".profile").write_text("touch $HOME/ran\n")
    assert asked() == {} and mask_of("0002") == "0002"
    assert not (home / "ran").exists()


def test_a_shell_that_hangs_is_given_up_with_all_that_it_started(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    child = home / "child"
    (home / ".profile").write_text(
        "export WANTED=1\nsleep 4321 & echo $! > $HOME/child\nsleep 4321\n"
    )
    for seconds in (1.0, 10.0, 100.0):  # a busy machine may start the child later
        monkeypatch.setattr(variables_of_login_shell, "SHELL_TIMEOUT", seconds)
        assert asked("WANTED") == {}
        assert "took longer" in capsys.readouterr().out
        if child.exists() and child.read_text():
            break
    pid = child.read_text().strip()
    until(lambda: has_ended(pid))


def test_an_account_without_a_shell_has_no_variables(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shell in ("/usr/sbin/nologin", "/nonexistent"):
        monkeypatch.setenv("SHELL", shell)
        assert asked("HOME", "WANTED") == {} and mask_of("login") == "0077"


@pytest.mark.parametrize(
    ("shell", "dotfile", "_"), [login for login in LOGINS if shutil.which(login[0])]
)
def test_the_umask_may_be_that_of_the_login_shell(
    home: Path, monkeypatch: pytest.MonkeyPatch, shell: str, dotfile: str, _: str
) -> None:
    monkeypatch.setenv("SHELL", shell)
    (home / dotfile).write_text("umask 027\necho welcome\n")
    assert (mask_of("login"), mask_of("0002")) == ("0027", "0002")
    (home / dotfile).write_text("umask 0777\n")
    assert mask_of("login") == "0077", "users can always read what is theirs"


def told(
    now: float, active: float, idle: str = "never", end: str = ""
) -> tuple[object, object, object]:
    answer = notice(now, active, {"JUPYTERHUB_SITEKIT_IDLE": idle, "JUPYTERHUB_SITEKIT_END": end})
    return answer["idle"], answer["idle_warning"], answer["time"]


def test_the_notice_counts_down_to_both_ends() -> None:
    assert told(1000, 900, "3600", "5000") == (3500, 600, 4000)
    assert told(1000, 1000, "1200") == (1200, 400, None)
    assert told(9000, 900, "3600", "5000") == (0, 600, 0)
    assert told(1000, 0) == (None, None, None)
    nothing = dict.fromkeys(("idle", "idle_warning", "time", "killed", "memory"))
    assert notice(1000, 900, {}) == {**nothing, "time_warnings": [900, 300]}
    assert notice(1000, 900, {"MEM_LIMIT": "1024"}, 2) == {
        **nothing,
        "time_warnings": [900, 300],
        "killed": 2,
        "memory": 1024,
    }


@given(st.integers(60, 10**7), st.floats(0, 10**8))
def test_a_fresh_server_is_never_warned(limit: int, silent: float) -> None:
    idle, warning, _ = told(10**9, 10**9 - silent, str(limit))
    assert 0 <= idle <= limit and 0 < warning < limit
    assert (idle <= warning) == (round(limit - silent) <= warning)


@pytest.mark.parametrize(
    ("own", "file", "text", "killed"),
    [
        ("9:name=systemd:/\n4:memory:/slurm/job_7/task_0\n0::/\n", "memory/slurm/job_7/task_0/memory.oom_control",
         "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", 2),
        ("0::/slurm/job_7\n", "slurm/job_7/memory.events", "low 0\noom 3\noom_kill 1\n", 1),
        ("0::/slurm/job_7\n", "slurm/job_7/other", "", None),
        ("nonsense", "x", "", None),
    ],
)  # fmt: skip
def test_what_the_node_has_ended_for_memory(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str,
    file: str,
    text: str,
    killed: int | None,
) -> None:
    (tmp_path / "own").write_text(own)
    (tmp_path / "cg" / file).parent.mkdir(parents=True)
    (tmp_path / "cg" / file).write_text(text)
    monkeypatch.setattr(cgroup, "OF_THIS_PROCESS", tmp_path / "own")
    monkeypatch.setattr(cgroup, "CGROUPS", tmp_path / "cg")
    assert cgroup.killed() == killed
