"""A drill stops each server that it has started, and none that a participant has started."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sitekit.base.data_files import data
from sitekit.base.errors import Problem
from sitekit.operations.courses import course_drill
from sitekit.operations.drill import tokens
from sitekit.operations.drill.hub_client import HAD_ONE, HubClient
from sitekit.site import Site, load_site
from sitekit.site.courses.course_files import Course, read_course

SITE = load_site(data("config/sites/demo.yml"))


def now() -> str:
    return datetime.now(timezone.utc).replace(tzinfo=None).isoformat() + "Z"


@dataclass
class Hub:
    """Answers as JupyterHub's apihandlers/users.py does, for one default server of each user.

    `slow` starts become ready when `ready` is set. `between` runs before a POST is handled.
    """

    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)
    between: Any = None
    delete: int = 202
    posted: threading.Event = field(default_factory=threading.Event)

    def has(self, user: str, profile: str, *, pending: bool, started: str = "") -> None:
        options = {"profile": profile}
        self.servers[user] = {"user_options": options, "started": started or now()}
        self.servers[user]["pending"] = "spawn" if pending else None

    def answer(self, method: str, user: str, body: dict[str, str]) -> tuple[int, str]:
        self.asked.append((method, user))
        server = self.servers.get(user)
        if method == "GET":
            return 200, json.dumps({"servers": {"": server} if server else {}})
        if method == "DELETE":
            if self.delete == 202:
                self.servers.pop(user, None)
            return self.delete, json.dumps({"message": "the token has expired"})
        if self.between:
            self.between(user)
            server = self.servers.get(user)
        if server and not server["pending"]:
            return 400, json.dumps({"message": f"{user} is already running"})
        if not server:
            self.has(user, body["tier"], pending=not self.ready.is_set())
        self.posted.set()
        return 202, ""

    def progress(self, user: str) -> Iterator[dict[str, Any]]:
        while not self.ready.wait(0.05):
            if user not in self.servers:
                yield {"failed": True, "message": "was stopped"}
                return
        yield {"ready": True}


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def site(hub: Hub) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            user = self.path.split("/")[4]
            if self.path.endswith("/progress"):
                self.send_response(200)
                self.end_headers()
                for event in hub.progress(user):
                    self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code, said = hub.answer(self.command, user, json.loads(body or b"{}"))
            self.send_response(code)
            self.end_headers()
            self.wfile.write(said.encode())

        do_GET = do_POST = do_DELETE = handle_one

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    update = {"port": server.server_address[1], "address": "127.0.0.1"}
    try:
        yield SITE.model_copy(
            update={"hub": SITE.hub.model_copy(update=update), "internal_tls": False}
        )
    finally:
        hub.ready.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def client(site: Site) -> HubClient:
    return HubClient(site, "bio101", {"alice": "a", "bob": "b"})


def methods(hub: Hub, user: str) -> set[str]:
    return {method for method, of in hub.asked if of == user}


def test_all_are_started_and_stopped(hub: Hub, client: HubClient) -> None:
    hub.ready.set()
    starts, left = course_drill.started_and_stopped(client, ["alice", "bob"])
    assert [(one.user, one.why) for one in starts] == [("alice", ""), ("bob", "")]
    assert not left and not hub.servers


@pytest.mark.parametrize("pending", [True, False])
@pytest.mark.parametrize("profile", ["small", "bio101"])
def test_a_participants_own_server_is_left_alone(
    hub: Hub, client: HubClient, pending: bool, profile: str
) -> None:
    """Whether it runs or waits, and of whichever size."""
    hub.ready.set()
    hub.has("alice", profile, pending=pending)
    starts, left = course_drill.started_and_stopped(client, ["alice", "bob"])
    assert [one.why for one in starts] == [HAD_ONE, ""]
    assert not left and methods(hub, "alice") == {"GET"} and list(hub.servers) == ["alice"]


@pytest.mark.parametrize(("profile", "ago"), [("small", 0), ("bio101", 5)])
def test_a_server_that_the_participant_starts_in_that_moment_is_left_alone(
    hub: Hub, client: HubClient, profile: str, ago: int
) -> None:
    """The hub answers 202 to the drill too, while that server is pending."""
    hub.ready.set()
    before = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(seconds=ago)
    started = before.isoformat() + "Z" if ago else ""
    hub.between = lambda user: hub.has(user, profile, pending=True, started=started)
    [start], left = course_drill.started_and_stopped(client, ["alice"])
    assert start.why == HAD_ONE
    assert not left and "DELETE" not in methods(hub, "alice") and "alice" in hub.servers


def test_a_server_that_the_participant_has_started_since_is_left_alone(
    hub: Hub, client: HubClient
) -> None:
    hub.ready.set()
    assert client.start("alice") == ""
    hub.has("alice", "bio101", pending=False)
    assert client.stop("alice") == ""
    assert "alice" in hub.servers


@pytest.mark.parametrize("ended", ["stopped", "failed"])
def test_a_server_after_the_drills_own_has_ended_is_left_alone(
    hub: Hub, client: HubClient, ended: str
) -> None:
    hub.ready.set()
    if ended == "failed":
        hub.progress = lambda user: iter([hub.servers.pop(user), {"failed": True}][1:])  # type: ignore[method-assign]
    assert client.start("alice") == ("failed" if ended == "failed" else "")
    if ended == "stopped":
        assert client.stop("alice") == "" and not hub.servers
    hub.has("alice", "bio101", pending=True)
    assert client.stop("alice") == "" and "alice" in hub.servers


def test_what_the_hub_does_not_stop_is_reported(
    hub: Hub, client: HubClient, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.ready.set()
    hub.delete = 403
    _starts, left = course_drill.started_and_stopped(client, ["alice"])
    assert left == ["alice: the token has expired"]
    assert "alice: the token has expired" in capsys.readouterr().out


def test_an_interrupted_drill_stops_what_it_has_started(
    hub: Hub, client: HubClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The servers are pending; Ctrl-C comes after the request for the first of them."""

    def interrupted(client: HubClient, pool: Any, users: list[str]) -> list[course_drill.Start]:
        pool.submit(client.start, users[0])
        assert hub.posted.wait(120)
        raise KeyboardInterrupt

    monkeypatch.setattr(course_drill, "started", interrupted)
    with pytest.raises(KeyboardInterrupt):
        course_drill.started_and_stopped(client, ["alice", "bob"])
    assert not hub.servers and "DELETE" in methods(hub, "alice")
    assert client.start("bob") == "was not started, because the drill was ending"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    path = tmp_path / "bio101.yml"
    path.write_text(
        "title: Bio\nstarts: 2026-09-01\nends: 2026-09-01\ntier: small\nroster: {file: n.csv}\n"
    )
    path.with_name("n.csv").write_text("alice\n")
    return read_course(path, SITE)


def test_tokens_outlast_the_longest_start(course: Course) -> None:
    longest = course.tier.start_timeout + 90
    assert course_drill.lasts(course, ["alice"]) > longest + 300
    assert course_drill.lasts(course, ["alice"] * 401) > 2 * longest + 300


def test_two_drills_of_a_course_do_not_run_at_once(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course_drill, "offered_courses", lambda site: tmp_path)
    monkeypatch.setattr(course_drill.os, "chown", lambda *words: None)
    monkeypatch.setattr(
        course_drill.pwd, "getpwnam", lambda name: course_drill.pwd.struct_passwd(range(7))
    )
    with course_drill.admitted(SITE, course, ["alice"]):
        with (
            pytest.raises(Problem, match="runs already"),
            course_drill.admitted(SITE, course, ["bob"]),
        ):
            pass
        assert (tmp_path / "bio101.drill").read_text() == "alice\n"
    assert not (tmp_path / "bio101.drill").exists()


def test_a_drill_removes_its_own_tokens_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(tokens, "_tokens", lambda site, words: asked.append(words) or {})
    for _ in range(2):
        with tokens.tokens(SITE, "drill", ["alice"], 60):
            pass
    made, removed = asked[::2], asked[1::2]
    assert [one["note"] for one in made] == [one["note"] for one in removed]
    assert made[0]["note"] != made[1]["note"] and made[0]["seconds"] == 60
