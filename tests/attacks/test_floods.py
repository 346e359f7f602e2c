"""What is too long is refused, kept nowhere, and fills no log."""

from __future__ import annotations

import json
import pwd
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from sitekit.contracts.internal_tls import client_context, hub_url
from sitekit.session.hub_connection.limit_unfinished_connections import MOST

from ..conftest import Demo
from ..faults.machine import Machine
from ..person import Person
from ..slurm import until
from .certificates import session_process
from .conftest import Server, call
from .hublog import end_of_log, logged
from .state import ANY, nothing_changes

SIZES = {"within what the hub reads": 40_000, "beyond": 1_000_000}


def bodies(size: int) -> dict[str, Any]:
    """Requests of about `size` bytes."""
    long = "x" * size
    return {
        "value": {"tier": long},
        "key": {"tier": "small", long: 1},
        "field": {"tier": "own", "memory": long},
        "list": {"tier": ["small"] * (size // 9)},
        "keys": {"tier": "small", **{f"key{number}": "x" for number in range(size // 16)}},
        "options": {"user_options": {"tier": "small", "prologue": long}},
        "name": {"display_name": long, "user_options": {"tier": "small"}},
        "digits": {"tier": "own", "cpus": 10**4000},
    }


@contextmanager
def log_stays_short(demo: Demo, limit: int = 4_000) -> Iterator[None]:
    """The block adds less than `limit` bytes to the hub's log."""
    start = end_of_log(demo.site)
    yield
    assert len(logged(demo.site, start)) < limit


@pytest.mark.parametrize("way", ["POST server", "POST servers/x", "PUT servers/x", "PATCH server"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_long_options(demo: Demo, idle: Person, way: str, size: int) -> None:
    method, path = way.split()
    with nothing_changes(demo.site), log_stays_short(demo, 20_000):
        answers = {
            name: idle.api(method, f"/users/{idle.name}/{path}", body)
            for name, body in bodies(size).items()
        }
        idle.api("DELETE", f"/users/{idle.name}/servers/x", {"remove": True})
    assert all(400 <= answer.status_code < 500 for answer in answers.values()), answers
    assert all(len(answer.content) < 10_000 for answer in answers.values())


@pytest.mark.parametrize("where", ["front", "hub"])
@pytest.mark.parametrize("field", ["username", "password", "both", "other", "many"])
def test_a_long_login(demo: Demo, where: str, field: str) -> None:
    long = "m" * 100_000
    base = demo.site.front.url if where == "front" else hub_url(demo.site)
    verify = ANY if where == "front" else client_context(demo.site, "proxy")
    with (
        nothing_changes(demo.site),
        log_stays_short(demo),
        httpx.Client(base_url=base, verify=verify, timeout=90) as client,
    ):
        client.get("/hub/login")
        form = {
            "username": long if field in ("username", "both") else "mallory",
            "password": long if field in ("password", "both") else "x",
            "_xsrf": next(
                (cookie.value for cookie in client.cookies.jar if cookie.name == "_xsrf"), ""
            ),
            **({"otp": long, "next": long} if field == "other" else {}),
            **({f"field{number}": "x" * 10 for number in range(3000)} if field == "many" else {}),
        }
        try:
            assert 400 <= client.post("/hub/login", data=form).status_code < 500
        except httpx.TransportError:  # the hub's own port may hang up on a body that is too long
            assert where == "hub"


@pytest.mark.parametrize("size", [100_000, 1_000_000, 20_000_000])
def test_a_long_body_without_a_session(demo: Demo, size: int) -> None:
    with nothing_changes(demo.site), log_stays_short(demo):
        for path in (
            "/hub/api/users/bob/server",
            "/hub/api/sitekit/listening",
            "/hub/login",
            "/hub/spawn/bob",
        ):
            answer = call(demo.site.front.url, "POST", path, content=b"{" + b" " * size + b"}")
            assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    "path", ["/hub/", "/hub/api/users/", "/hub/user-redirect/", "/user/", "/hub/login?next="]
)
def test_a_long_address(demo: Demo, path: str) -> None:
    with nothing_changes(demo.site), log_stays_short(demo, 40_000):
        for size in (4_000, 7_000, 60_000):
            assert call(demo.site.front.url, "GET", path + "y" * size).status_code in (
                200,
                301,
                302,
                403,
                404,
                414,
            )


def test_the_hub_itself_takes_no_long_body(demo: Demo, tokens: dict[str, str | None]) -> None:
    """Past the front, which has a limit of its own, where compute nodes reach the hub."""
    base, verify = hub_url(demo.site), client_context(demo.site, "proxy")
    with nothing_changes(demo.site), log_stays_short(demo):
        for size, taken in ((30_000, True), (70_000, False)):
            body = b'{"last_activity": "2026-01-01T00:00:00Z"}' + b" " * size
            try:
                answer = call(
                    base,
                    "POST",
                    "/hub/api/users/bob/activity",
                    tokens["another"],
                    content=body,
                    verify=verify,
                )
                assert answer.status_code == 200 if taken else answer.status_code in (400, 413)
            except httpx.TransportError:  # it hangs up
                assert not taken


def test_a_long_header(demo: Demo) -> None:
    with nothing_changes(demo.site), log_stays_short(demo):
        for headers in (
            {"Cookie": "a=" + "x" * 100_000},
            {f"X-{number}": "x" * 100 for number in range(500)},
        ):
            assert call(demo.site.front.url, "GET", "/hub/home", headers=headers).status_code in (
                400,
                431,
            )


def test_many_wrong_tokens(demo: Demo) -> None:
    """A hundred requests with tokens that nobody has: each one line, and no token in it."""
    with nothing_changes(demo.site):
        start, verify = end_of_log(demo.site), client_context(demo.site, "proxy")
        for number in range(100):
            token = f"{number:02d}" + "deadbeef" * 4
            assert (
                call(hub_url(demo.site), "GET", "/hub/api/user", token, verify=verify).status_code
                == 403
            )
        text = logged(demo.site, start)
    assert len(text) < 100 * 500 and b"deadbeef" not in text


def test_silent_connections_keep_nobody_out(demo: Demo, server: Server) -> None:
    """They cost a neighbour next to nothing, and could take all files that a process may have. Some
    begin and stop, or say what is no TLS; no log tells of each."""
    site, home = demo.site, Path(pwd.getpwnam(server.person.name).pw_dir)
    log = home / site.log_dir / f"job-{server.job}.log"
    processes = {
        server.port: session_process(server.job),
        site.hub.port: Path("/proc", str(Machine(site).pid("hub"))),
    }
    before = log.stat().st_size
    with ExitStack() as stack, log_stays_short(demo, 8_000):
        for port, process in processes.items():
            for number in range(600):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 90))
                with suppress(OSError):
                    connection.sendall(
                        (b"", b"\x16", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x05xxxxx")[
                            number % 4
                        ]
                    )
            until(lambda where=process: len(list((where / "fd").iterdir())) < MOST + 150)
        assert server.person.lab().status_code == 200
        assert server.person.api("GET", "/user").json()["name"] == server.person.name
    assert log.stat().st_size < before + 2_000


def test_the_hub_answers_afterwards(demo: Demo, idle: Person) -> None:
    assert json.loads(call(demo.site.front.url, "GET", "/hub/api/").text)["version"]
    assert idle.api("GET", "/user").json()["name"] == idle.name
