"""What is too long is refused, kept nowhere, and fills no log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from ..conftest import Demo
from ..person import Person
from .conftest import call
from .state import hub_log, nothing_changes

LOG_LIMIT = 20_000  # bytes that one request may add to the hub's log
MEGABYTE = "x" * 1_000_000

BODIES = {
    "value": {"tier": MEGABYTE},
    "key": {"tier": "small", MEGABYTE: 1},
    "field": {"tier": "own", "memory": MEGABYTE},
    "list": {"tier": ["small"] * 100_000},
    "keys": {"tier": "small", **{f"key{number}": "x" for number in range(50_000)}},
    "options": {"user_options": {"tier": "small", "prologue": MEGABYTE}},
    "name": {"display_name": MEGABYTE, "user_options": {"tier": "nope"}},
    "digits": {"tier": "own", "cpus": 10**4000},
}


@contextmanager
def log_stays_short(demo: Demo) -> Iterator[None]:
    log = hub_log(demo.site)
    before = log.stat()
    yield
    after = log.stat()
    assert after.st_ino == before.st_ino, "the log was rotated"
    assert after.st_size - before.st_size < LOG_LIMIT


@pytest.mark.parametrize("way", ["POST server", "POST servers/x", "PUT servers/x", "PATCH server"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_megabyte_of_options(demo: Demo, idle: Person, way: str, body: object) -> None:
    method, path = way.split()
    with nothing_changes(demo.site), log_stays_short(demo):
        answer = idle.api(method, f"/users/{idle.name}/{path}", body)
    assert 400 <= answer.status_code < 500
    assert len(answer.content) < 10_000


@pytest.mark.parametrize("where", ["front", "hub"])
@pytest.mark.parametrize("field", ["username", "password", "both", "other", "many"])
def test_a_long_login(demo: Demo, where: str, field: str) -> None:
    long = "m" * 100_000
    base = demo.site.front.url if where == "front" else f"http://127.0.0.1:{demo.site.hub.port}"
    with nothing_changes(demo.site), log_stays_short(demo), httpx.Client(base_url=base, verify=False) as client:  # noqa: S501
        client.get("/hub/login")
        form = {
            "username": long if field in ("username", "both") else "mallory",
            "password": long if field in ("password", "both") else "x",
            "_xsrf": next((cookie.value for cookie in client.cookies.jar if cookie.name == "_xsrf"), ""),
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
        for path in ("/hub/api/users/bob/server", "/hub/api/sitekit/listening", "/hub/login", "/hub/spawn/bob"):
            answer = call(demo.site.front.url, "POST", path, content=b"{" + b" " * size + b"}")
            assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("path", ["/hub/", "/hub/api/users/", "/hub/user-redirect/", "/user/", "/hub/login?next="])
def test_a_long_address(demo: Demo, path: str) -> None:
    for size in (4_000, 7_000, 60_000):
        with nothing_changes(demo.site), log_stays_short(demo):
            assert call(demo.site.front.url, "GET", path + "y" * size).status_code in (200, 301, 302, 403, 404, 414)


def test_a_long_header(demo: Demo) -> None:
    with nothing_changes(demo.site), log_stays_short(demo):
        for headers in ({"Cookie": "a=" + "x" * 100_000}, {f"X-{number}": "x" * 100 for number in range(500)}):
            assert call(demo.site.front.url, "GET", "/hub/home", headers=headers).status_code in (400, 431)


def test_many_wrong_tokens(demo: Demo) -> None:
    """A hundred requests with tokens that nobody has: each one line, and no token in it."""
    with nothing_changes(demo.site):
        size = hub_log(demo.site).stat().st_size
        for number in range(100):
            token = f"{number:02d}" + "deadbeef" * 4
            assert call(f"http://127.0.0.1:{demo.site.hub.port}", "GET", "/hub/api/user", token).status_code == 403
        with hub_log(demo.site).open("rb") as log:
            log.seek(size)
            text = log.read()
    assert len(text) < 100 * 500 and b"deadbeef" not in text


def test_the_hub_answers_afterwards(demo: Demo, idle: Person) -> None:
    assert json.loads(call(demo.site.front.url, "GET", "/hub/api/").text)["version"]
    assert idle.api("GET", "/user").json()["name"] == idle.name
