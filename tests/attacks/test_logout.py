"""Who logs out leaves nothing behind that lets somebody in: no copy of a cookie, in no other
browser. Servers go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..conftest import Demo
from ..person import Person
from ..slurm import until
from .conftest import Server, call, new_token


@pytest.fixture
def logged_in_again(server: Server) -> Iterator[Server]:
    """alice's server; afterwards she is logged in as before, for the other tests."""
    yield server
    server.person.http.cookies.clear()
    assert server.person.login().url.path != "/hub/login"
    server.person.lab()


@pytest.mark.soak
def test_copied_cookies_are_worth_nothing_after_logout(demo: Demo, logged_in_again: Server) -> None:
    """One of two browsers logs out. A server notices as soon as it asks the hub again, which it
    does each minute."""
    server, alice = logged_in_again, logged_in_again.person
    program = new_token(alice)
    with demo.person("alice") as elsewhere:
        elsewhere.login()
        assert [person.lab().status_code for person in (alice, elsewhere)] == [200, 200]
        copies = [cookies_of(person) for person in (alice, elsewhere)]
        assert {opened(demo, copy) for copy in copies} == {(200, 200, 200)}
        assert alice.http.get("/hub/logout").url.path == "/hub/login"
        assert {opened(demo, copy)[:2] for copy in copies} == {(302, 403)}
        until(
            lambda: {opened(demo, copy)[2] for copy in copies} <= {302, 403}, patience=120, every=2
        )
        assert elsewhere.http.get("/hub/home").url.path == "/hub/login"
    url = demo.site.front.url
    assert call(url, "GET", "/hub/api/users/alice", program).json()["servers"][""]["ready"], (
        "the server is gone"
    )
    assert call(url, "GET", "/hub/api/user", server.token).status_code == 200, (
        "the server's own token is gone"
    )


def test_a_logout_without_a_login_ends_nobodys_session(demo: Demo, server: Server) -> None:
    """What somebody else may send: no cookies, or the session's number without the login."""
    session = next(
        c.value for c in server.person.http.cookies.jar if c.name == "jupyterhub-session-id"
    )
    for headers in ({}, {"Cookie": f"jupyterhub-session-id={session}"}):
        assert call(demo.site.front.url, "GET", "/hub/logout", headers=headers).status_code == 302
    assert server.person.http.get("/hub/api/user").json()["name"] == "alice"
    assert server.person.lab().status_code == 200


def cookies_of(person: Person) -> dict[str, str]:
    """The Cookie headers of a browser, for the hub and for the server."""
    jar = person.http.cookies.jar
    return {
        path: "; ".join(
            f"{cookie.name}={cookie.value}" for cookie in jar if cookie.path in ("/", path)
        )
        for path in ("/hub/", f"/user/{person.name}/")
    }


def opened(demo: Demo, cookies: dict[str, str]) -> tuple[int, ...]:
    """The answers to a browser with these cookies: a page of the hub, a call of its API, a call of
    the server's."""
    paths = {
        "/hub/home": "/hub/",
        "/hub/api/user": "/hub/",
        "/user/alice/api/kernels": "/user/alice/",
    }
    url = demo.site.front.url
    return tuple(
        call(url, "GET", path, headers={"Cookie": cookies[of]}).status_code
        for path, of in paths.items()
    )
