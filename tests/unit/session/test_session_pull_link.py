"""A link of nbgitpuller's in a real session, with git from a real server: asked first, pulled
after, nothing else."""

from __future__ import annotations

import os
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import session_parts as parts
from git_remote import Remote, remote
from session_parts import Server, session

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")
CROSS = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
MARK = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def course() -> Iterator[Remote]:
    folder = Path(tempfile.mkdtemp(prefix="sitekit-test-course-"))
    with remote(folder) as one:
        (one.work / "first.txt").write_text("one\n")
        (one.work / "d").symlink_to("../outside")
        one.publish("first")
        yield one


@pytest.fixture(scope="module")
def server(hub_environment: None, course: Remote) -> Iterator[Server]:
    with session({"git_pull": [course.base]}) as (_, server):
        (server.home / ".gitconfig").write_text(f"[http]\n\tsslCAInfo = {course.certificate}\n")
        yield server


def ask(
    server: Server, post: bool = False, headers: dict[str, str] | None = None, **told: str
) -> tuple[int, str, str]:
    """Status, body and policy of /git-pull."""
    query = urllib.parse.urlencode(told)
    url = f"http://127.0.0.1:{server.port}/user/u/git-pull" + ("" if post else f"?{query}")
    sent = {"Authorization": f"token {parts.USER_TOKEN}", **(headers or {})}
    request = urllib.request.Request(url, query.encode() if post else None, sent)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310
            return answer.status, answer.read().decode(), answer.headers["Content-Security-Policy"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers["Content-Security-Policy"]


def tree(server: Server) -> set[str]:
    paths = parts.paths_below(server.home)
    return {str(path.relative_to(server.home)) for path in paths if ".git/" not in str(path)}


def test_nothing_is_pulled_before_its_user_agrees(server: Server, course: Remote) -> None:
    link = {
        "repo": f"{course.base}/course.git",
        "urlpath": "lab/tree/course.git/first.txt",
        "branch": "main",
    }
    before, asked = tree(server), course.asked
    status, page, policy = ask(server, headers=CROSS, **link)
    assert (
        status == 200
        and link["repo"] in unescape(page)
        and str(server.home / "course.git") in unescape(page)
    )
    assert (
        "<script" not in page
        and "default-src 'none'" in policy
        and "frame-ancestors 'none'" in policy
    )
    assert ask(server, post=True, headers=CROSS, **link)[0] == 403
    assert tree(server) == before and course.asked == asked
    status, page, _ = ask(server, post=True, **link)
    assert (
        status == 200 and "Done." in page and 'url=/user/u/lab/tree/course.git/first.txt"' in page
    ), page
    assert (server.home / "course.git" / "first.txt").read_text() == "one\n"


def test_a_second_pull_brings_what_is_new_and_keeps_what_its_user_wrote(
    server: Server, course: Remote
) -> None:
    (server.home / "course.git" / "mine.txt").write_text("mine")
    (course.work / "second.txt").write_text("two\n")
    course.publish("second")
    status, page, _ = ask(server, post=True, repo=f"{course.base}/course.git")
    assert status == 200 and "Done." in page, page
    assert (server.home / "course.git" / "second.txt").exists() and (
        server.home / "course.git" / "mine.txt"
    ).exists()


def test_a_link_in_the_repository_moves_no_file_outside(server: Server, course: Remote) -> None:
    """First a link that leads out, then a folder with a file of the same name: GitPuller would
    rename that file."""
    outside = server.home / "outside"
    outside.mkdir()
    (outside / "keys").write_text("mine")
    (course.work / "d").unlink()
    (course.work / "d").mkdir()
    (course.work / "d" / "keys").write_text("theirs")
    course.publish("third")
    ask(server, post=True, repo=f"{course.base}/course.git")
    assert [path.name for path in outside.iterdir()] == ["keys"] and (
        outside / "keys"
    ).read_text() == "mine"


@pytest.mark.parametrize(
    "told",
    [
        {"repo": MARK},
        {"repo": "https://evil.test/a"},
        {"repo": "{}/course.git", "targetpath": f"../{MARK}"},
        {"repo": "{}/course.git", "targetpath": ".ssh"},
        {"repo": "{}/course.git", "targetpath": "/root/x"},
        {"repo": "{}/course.git", "branch": MARK},
        {"repo": "{}/course.git", "urlpath": f"lab/../../{MARK}"},
        {"repo": "{}/course.git", "depth": MARK},
        {},
    ],
)
def test_what_is_refused_is_shown_as_text_and_writes_nothing(
    server: Server, course: Remote, told: dict[str, str]
) -> None:
    before, asked = tree(server), course.asked
    link = {name: value.replace("{}", course.base) for name, value in told.items()}
    for post in (False, True):
        status, page, policy = ask(server, post, **link)
        assert status == 403 and "Nothing is pulled" in page and MARK not in page
        assert "default-src 'none'" in policy
    assert tree(server) == before and course.asked == asked


def test_what_is_allowed_is_shown_as_text_as_well(server: Server, course: Remote) -> None:
    for name in ("targetpath", "urlpath", "subpath", "app"):
        status, page, _ = ask(server, repo=f"{course.base}/course.git", **{name: f"x{MARK}"})
        assert status in (200, 403) and MARK not in page and "<script" not in page


def test_git_follows_a_server_to_no_other_kind_of_address(server: Server, course: Remote) -> None:
    before = tree(server)
    _, page, _ = ask(server, post=True, repo=f"{course.base}/away/x.git", targetpath="away")
    assert "The pull failed" in page
    assert tree(server) == before


def test_a_refused_certificate_ends_it(server: Server, course: Remote) -> None:
    config = server.home / ".gitconfig"
    kept = config.read_text()
    config.write_text("")
    try:
        _, page, _ = ask(server, post=True, repo=f"{course.base}/course.git", targetpath="other")
        assert "certificate" in page and not os.path.lexists(server.home / "other")
    finally:
        config.write_text(kept)
