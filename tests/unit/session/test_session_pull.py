"""What a link may pull: addresses, folders, pages. And git itself, from a server with TLS, through
a real session."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitekit.session.courses.check_pull_link import Refused, check_link, place, repository

ALLOWED = ["https://github.com", "https://git.example.org:8443/courses"]


@pytest.mark.parametrize(
    "repo",
    [
        "https://github.com/a/b",
        "https://github.com/a/b.git",
        "https://GitHub.com:443/a",
        "https://git.example.org:8443/courses/x/y/",
    ],
)
def test_allowed_addresses(repo: str) -> None:
    assert repository(repo, ALLOWED) == repo


@pytest.mark.parametrize(
    "repo",
    [
        "",
        "a/b",
        "http://github.com/a/b",
        "ssh://github.com/a/b",
        "git@github.com:a/b",
        "ext::sh -c touch% /tmp/x",
        "file:///etc",
        "/etc",
        "--upload-pack=x",
        "https://github.com",
        "https://github.com/",
        "https://github.com.evil.test/a/b",
        "https://evil.test/github.com/a",
        "https://github.com@evil.test/a/b",
        "https://user:pass@github.com/a/b",
        "https://github.com:8443/a/b",
        "https://github.com:x/a",
        "https://github.com/../a",
        "https://github.com/a//b",
        "https://github.com/a/%2e%2e/b",
        "https://github.com\\@evil.test/a",
        "https://github.com/a b",
        "https://github.com/a\nb",
        "https://github.com/a?x=1",
        "https://github.com/a#x",
        "https://g\u0456thub.com/a/b",
        "https://git.example.org/courses/x",
        "https://git.example.org:8443/courses",
        "https://git.example.org:8443/coursesx/y",
        "https://git.example.org:8443/courses/../x",
        "javascript:alert(1)",
        '"><script>alert(1)</script>',
    ],
)
def test_refused_addresses(repo: str) -> None:
    with pytest.raises(Refused):
        repository(repo, ALLOWED)
    with pytest.raises(Refused, match="allows none"):
        repository("https://github.com/a/b", [])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A server's root: folders, links of the site's own and of the user's, and what lies outside."""
    for name in ("root/course", "root/.hidden", "work/alice/.ssh", "outside"):
        (tmp_path / name).mkdir(parents=True)
    for name, to in {
        "work": "work/alice",
        "mine": "outside",
        "inner": "root/course",
        "dot": "root/.hidden",
    }.items():
        (tmp_path / "root" / name).symlink_to(tmp_path / to)
    (tmp_path / "work" / "alice" / "keys").symlink_to(".ssh")
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("target", "folder"),
    [
        ("new", "root/new"),
        ("course/new/", "root/course/new"),
        ("inner/new", "root/course/new"),
        ("work/new", "work/alice/new"),
        ("höhe 1", "root/höhe 1"),
    ],
)
def test_folders_inside(root: Path, target: str, folder: str) -> None:
    assert place(target, root, ["work"]) == root.parent / folder


@pytest.mark.parametrize(
    "target",
    ["", ".", "..", "../x", "a/../../x", "/etc/x", "//x", "a//b", ".ssh", "course/.git/hooks", "./x", "a\\b", "a\nb",
     "a\0b", "mine/x", "mine", "dot/x", "work", "work/keys/x", "work/../x", "work/.ssh/x", "inner/../../outside/x"],
)  # fmt: skip
def test_no_folder_outside_or_hidden(root: Path, target: str) -> None:
    with pytest.raises(Refused):
        place(target, root, ["work"])


@given(st.text(alphabet=st.sampled_from("ab./\\ \0\n~$-"), max_size=12))
def test_a_folder_is_always_inside(target: str) -> None:
    root = Path("/nonexistent/root")
    try:
        folder = place(target, root, [])
    except Refused:
        return
    assert folder != root and folder.is_relative_to(root)
    assert not any(part.startswith(".") for part in folder.relative_to(root).parts)


def told(**more: str) -> dict[str, str]:
    return {"repo": "https://github.com/a/b", **more}


def test_what_the_stock_links_say_is_understood(root: Path) -> None:
    one = check_link(
        told(branch="main", urlpath="lab/tree/b/x y.ipynb", depth="1"), ALLOWED, root, []
    )
    assert (one.folder, one.branch, one.depth, one.page) == (
        root / "b",
        "main",
        1,
        "lab/tree/b/x%20y.ipynb",
    )
    assert not one.exists and not one.backup
    two = check_link(
        told(targetPath="t/u", subPath="x.ipynb", app="notebook", backup="false"), ALLOWED, root, []
    )
    assert (two.folder, two.page, two.backup) == (root / "t" / "u", "tree/t/u/x.ipynb", False)
    assert (
        check_link(told(urlpath="/voila/render/x?a=1"), ALLOWED, root, []).page
        == "voila/render/x?a=1"
    )


@pytest.mark.parametrize(
    "more",
    [
        {"branch": "-x"},
        {"branch": "a..b"},
        {"branch": "--upload-pack=x"},
        {"branch": "a b"},
        {"depth": "-1"},
        {"depth": "1e9"},
        {"urlpath": "../../hub/admin"},
        {"urlpath": "lab/%2e%2e/%2E./hub"},
        {"urlpath": "a/..%2fb"},
        {"urlpath": "lab\\..\\..\\hub"},
        {"urlpath": "lab\r\nX: y"},
    ],
)
def test_what_else_a_link_may_not_say(root: Path, more: dict[str, str]) -> None:
    with pytest.raises(Refused):
        check_link(told(**more), ALLOWED, root, [])


def git(*words: str, cwd: Path) -> None:
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    subprocess.run(
        ["git", *who, *words],
        cwd=cwd,
        check=True,
        capture_output=True,
        env={**os.environ, **nobody},
    )


def test_only_a_copy_of_the_same_repository_is_brought_up_to_date(root: Path) -> None:
    """In a plain folder git would work on the repository around it; in another clone, on that one."""
    git("init", cwd=root)
    with pytest.raises(Refused, match="is no copy"):
        check_link(told(targetpath="course"), ALLOWED, root, [])
    git("init", "b", cwd=root)
    with pytest.raises(Refused, match="but of none"):
        check_link(told(), ALLOWED, root, [])
    git("remote", "add", "origin", "https://github.com/c/d", cwd=root / "b")
    with pytest.raises(Refused, match=r"but of https://github\.com/c/d"):
        check_link(told(), ALLOWED, root, [])
    assert check_link(told(backup="true"), ALLOWED, root, []).exists
    git("remote", "set-url", "origin", "https://github.com/a/b.git", cwd=root / "b")
    assert check_link(told(), ALLOWED, root, []).exists
