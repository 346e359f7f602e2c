"""A course's material in a real session, with git from a real server: a participant's work stays,
whatever the course changes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import session_parts as parts
from git_remote import Remote, git, remote
from session_parts import Hub, Server

from sitekit.base.translate_javascript_texts import script_texts
from sitekit.session.courses.prepare_course import copy_once, explain

NOTICES = parts.SCRIPTS / "sitekit/session/labextension/static/notice.js"
Run = Callable[..., Server]


@pytest.fixture
def upstream() -> Iterator[Remote]:
    if not shutil.which("git"):
        pytest.skip("needs git")
    with (
        tempfile.TemporaryDirectory(prefix="sitekit-test-course-") as folder,
        remote(Path(folder)) as one,
    ):
        (one.work / "day").mkdir()
        for name in ("a.ipynb", "b.ipynb", "day/c.ipynb", "gone.txt", "old.txt"):
            (one.work / name).write_text(f"{name}\n1\n2\n3\n4\n5\n6\n")
        one.publish("first")
        yield one


@pytest.fixture
def run(hub_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Start a server of the same participant once more."""
    monkeypatch.setattr(parts, "RUN", parts.RUN_WITH_LONG_COPY)
    (tmp_path / "home").mkdir()
    servers: list[Server] = []
    hub = Hub()

    def start(**course: Any) -> Server:
        while servers:
            servers.pop().close()
        hub.heard.clear()
        if certificate := course.pop("certificate", None):
            told = f"[http]\n\tsslCAInfo = {certificate}\n"
            (tmp_path / "home" / ".gitconfig").write_text(told)
        servers.append(Server(hub.port, tmp_path, {"course": {"key": "bio101", **course}}))
        servers[-1].listening(hub)
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    hub.close()


def ask(server: Server, path: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/user/u/{path}",
        headers={"Authorization": f"token {parts.USER_TOKEN}"},
    )
    return urllib.request.urlopen(request, timeout=180)  # noqa: S310


def notices(server: Server) -> list[str]:
    """What JupyterLab shows; each text is one that its page can translate."""
    with ask(server, "sitekit/notice") as answer:
        told = json.load(answer)["course_notices"]
    assert {one["text"] for one in told} <= set(script_texts(NOTICES))
    return [one["text"].format(**one["values"]) for one in told]


def test_a_participants_work_stays_whatever_the_course_changes(run: Run, upstream: Remote) -> None:
    told = {"repository": f"{upstream.base}/course.git", "branch": "main", "page": "day/c.ipynb"}
    server = run(**told, certificate=upstream.certificate)
    copy = server.home / "bio101"
    with ask(server, "") as answer:
        assert str(answer.url).endswith("/user/u/lab/tree/bio101/day/c.ipynb")
    assert notices(server) == []

    mine = {"a.ipynb": "mine\n1\n2\n3\n4\n5\n6\n", "day/c.ipynb": "mine\n", "gone.txt": "mine\n"}
    mine |= {"old.txt": "old.txt\n1\n2\n3\n4\n5\n6\nmine\n", "notes.txt": "mine\n"}
    for name, text in mine.items():
        (copy / name).write_text(text)
    work = upstream.work
    (work / "a.ipynb").write_text("a.ipynb\n1\n2\n3\n4\n5\ntheirs\n")  # far from the other's line
    (work / "b.ipynb").write_text("theirs\n")
    (work / "day/c.ipynb").write_text("theirs\n")
    (work / "gone.txt").unlink()
    (work / "old.txt").rename(work / "new.txt")
    upstream.publish("second")
    server = run(**told)
    for name, text in mine.items():
        assert (copy / name).read_text() == text, name
    assert (copy / "b.ipynb").read_text() == "theirs\n"
    assert (copy / "new.txt").read_text() == (work / "new.txt").read_text()
    date = git("log", "-1", "--format=%cs", cwd=work).strip()
    assert (copy / f"a.upstream-{date}.ipynb").read_text() == (work / "a.ipynb").read_text()
    assert (copy / f"day/c.upstream-{date}.ipynb").read_text() == "theirs\n"
    both = "You and the course have both changed {0}. Your file is as you left it; the course's is {1}."
    assert notices(server) == [
        both.format("a.ipynb", f"a.upstream-{date}.ipynb"),
        both.format("day/c.ipynb", f"day/c.upstream-{date}.ipynb"),
    ]
    assert all(f"sitekit: {sentence}" in server.said() for sentence in notices(server))


def test_a_file_that_the_course_changes_again_gets_another_name(run: Run, upstream: Remote) -> None:
    told = {"repository": f"{upstream.base}/course.git", "branch": "main"}
    copy = run(**told, certificate=upstream.certificate).home / "bio101"
    for name in ("a.ipynb", "notes.txt"):
        (copy / name).write_text("mine\n")
    work = upstream.work
    (work / "a.ipynb").write_text("theirs\n")
    upstream.publish("second")
    date = git("log", "-1", "--format=%cs", cwd=work).strip()
    assert len(notices(run(**told))) == 1
    server = run(**told)  # nothing is new: nothing is said twice, and no third version is made
    assert notices(server) == []
    assert len(list(copy.glob("a*.ipynb"))) == 2

    (work / "notes.txt").write_text("theirs\n")
    (work / "a.ipynb").write_text("theirs again\n")
    upstream.publish("third")
    third = git("log", "-1", "--format=%cs", cwd=work).strip()
    server = run(**told)
    assert (copy / "a.ipynb").read_text() == "mine\n"
    name = f"{date}-2" if third == date else third  # midnight may have come
    assert (copy / f"a.upstream-{name}.ipynb").read_text() == "theirs again\n"
    assert {path.read_text() for path in copy.glob("notes*")} == {"mine\n", "theirs\n"}
    assert [
        line
        for line in notices(server)
        if line.startswith("The course has a new file bio101/notes")
    ]


def test_a_course_may_go_on_with_another_branch_or_a_tag(run: Run, upstream: Remote) -> None:
    told = {"repository": f"{upstream.base}/course.git"}
    copy = run(**told, branch="main", certificate=upstream.certificate).home / "bio101"
    (copy / "a.ipynb").write_text("mine\n")
    (upstream.work / "week2.ipynb").write_text("2\n")
    upstream.publish("week 2")
    git("tag", "v2", cwd=upstream.work)
    git("push", "--quiet", "origin", "v2", cwd=upstream.work)
    assert notices(run(**told, branch="v2")) == []
    assert (copy / "week2.ipynb").exists() and (copy / "a.ipynb").read_text() == "mine\n"


def test_what_is_missing_is_told_in_the_lab_and_the_server_starts(
    run: Run, upstream: Remote, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home" / "bio101").symlink_to(tmp_path / "elsewhere")
    server = run(repository=f"{upstream.base}/course.git", branch="main", kernel="none")
    assert not list((tmp_path / "elsewhere").iterdir())
    link, kernel = notices(server)
    assert "A link in it leads elsewhere" in link
    assert kernel == "The course's kernel none is not on this server. Tell your instructor."


def test_a_folder_is_copied_once(tmp_path: Path) -> None:
    source, root = tmp_path / "course", tmp_path / "home"
    (source / "day").mkdir(parents=True)
    (source / "day" / "one.ipynb").write_text("one\n")
    (source / "secret").symlink_to("/etc/shadow")
    for path in (source / "day" / "one.ipynb", source / "day", source):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (root / ".bio101.new" / "half").mkdir(parents=True)  # of a copy that was interrupted
    assert copy_once(source, "bio101", root) is None
    copy = root / "bio101"
    assert sorted(path.name for path in copy.iterdir()) == ["day", "secret"]
    assert (copy / "secret").is_symlink(), "a link is copied as a link"
    (copy / "day" / "one.ipynb").write_text("mine\n")
    (copy / "day" / "own.ipynb").write_text("mine\n")
    source.chmod(0o755)
    (source / "two.ipynb").write_text("two\n")
    assert copy_once(source, "bio101", root) is None
    assert (copy / "day" / "one.ipynb").read_text() == "mine\n"
    assert not (copy / "two.ipynb").exists()
    assert os.listdir(root) == ["bio101"]


def test_a_folder_that_cannot_be_copied_leaves_nothing(tmp_path: Path) -> None:
    text = "The material of the course was not copied to {name}: {why}"
    assert (copy_once(tmp_path / "none", "bio101", tmp_path) or {})["text"] == text
    (tmp_path / "bio101").symlink_to("/etc")
    refused = copy_once(tmp_path, "bio101", tmp_path) or {}
    assert "A link in it leads elsewhere" in refused["values"]["why"]
    assert os.listdir(tmp_path) == ["bio101"]


def test_other_lines_of_git_are_no_sentences(tmp_path: Path) -> None:
    for line in ("Already up to date.", "Renamed a to b", "Updating 1..2"):
        assert explain(line, tmp_path) is None
