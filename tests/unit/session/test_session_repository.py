"""A workshop's repository in a real session, with git from a real server: it is in the user's folder
before the lab opens there, and what the user wrote stays."""

from __future__ import annotations

import shutil
import socket
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import session_parts as parts
from git_remote import Remote, remote
from session_parts import Hub, Server

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")
Run = Callable[..., Server]


@pytest.fixture
def workshop() -> Iterator[Remote]:
    with (
        tempfile.TemporaryDirectory(prefix="sitekit-test-workshop-") as folder,
        remote(Path(folder)) as one,
    ):
        (one.work / "first.ipynb").write_text("one\n")
        one.publish("first")
        yield one


@pytest.fixture
def run(
    hub_environment: None, tmp_path: Path, workshop: Remote, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """Start a server of the same user once more, whose git believes the test's certificate."""
    monkeypatch.setattr(parts, "RUN", parts.RUN_WITH_LONG_COPY)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f"[http]\n\tsslCAInfo = {workshop.certificate}\n")
    servers: list[Server] = []
    hub = Hub()

    def start(**repository: str) -> Server:
        while servers:
            servers.pop().close()
        hub.heard.clear()
        settings: dict[str, Any] = {"repository": {"branch": "", **repository}}
        servers.append(Server(hub.port, tmp_path, settings))
        servers[-1].listening(hub)
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    hub.close()


def opened(server: Server) -> str:
    """The page to which the server's own address leads."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/user/u/",
        headers={"Authorization": f"token {parts.USER_TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=180) as answer:  # noqa: S310
        return str(answer.url).partition("/user/u")[2]


def test_the_lab_opens_in_the_copy_and_changes_are_kept(run: Run, workshop: Remote) -> None:
    told = {"url": f"{workshop.base}/course.git", "folder": "workshop"}
    server = run(**told)
    copy = server.home / "workshop"
    assert (copy / "first.ipynb").read_text() == "one\n"
    assert opened(server) == "/lab/tree/workshop"
    assert (copy / "first.ipynb").stat().st_mode & 0o777 == 0o644, "the site's umask is 0022"

    (copy / "first.ipynb").write_text("mine\n")
    (copy / "notes.txt").write_text("mine\n")
    (workshop.work / "first.ipynb").write_text("theirs\n")
    (workshop.work / "second.ipynb").write_text("two\n")
    (workshop.work / "notes.txt").write_text("theirs\n")
    workshop.publish("second")
    run(**told)
    assert (copy / "second.ipynb").exists()
    assert (copy / "first.ipynb").read_text() == "mine\n"
    written = {path.read_text() for path in copy.glob("notes*")}
    assert written == {"mine\n", "theirs\n"}, "a file of both is kept under two names"


def test_a_server_starts_without_the_repository(run: Run, workshop: Remote) -> None:
    """Its host does not answer; then the user has other files of that name."""
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    server = run(url=f"https://localhost:{port}/course.git", folder="workshop")
    assert opened(server) == "/lab"
    assert "workshop is not the latest version of https://localhost" in server.said()

    (server.home / "own").mkdir()
    (server.home / "own" / "file").write_text("mine\n")
    server = run(url=f"{workshop.base}/course.git", folder="own")
    assert "own is there already, and it is no copy of" in server.said()
    assert [path.name for path in (server.home / "own").iterdir()] == ["file"]
    assert opened(server) == "/lab/tree/own"


def test_a_link_of_the_users_leads_the_copy_nowhere_else(
    run: Run, workshop: Remote, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home" / "workshop").symlink_to(tmp_path / "elsewhere")
    server = run(url=f"{workshop.base}/course.git", folder="workshop")
    assert not list((tmp_path / "elsewhere").iterdir())
    assert "A link in it leads elsewhere" in server.said()
