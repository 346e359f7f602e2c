"""Whose server it is, asked by the proxy and answered by the hub: cookies, addresses and clicks
that are not right."""

from __future__ import annotations

import json
import ssl
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator

import httpx
import pytest
import websocket

from sitekit.contracts.internal_tls import client_context
from sitekit.hub.pages import server_access_cookie

from ..conftest import Demo
from ..faults.machine import Machine
from ..person import Person
from ..slurm import until
from .conftest import Server, call, new_token
from .state import proxy_api, routes


@pytest.fixture(scope="module")
def signing(demo: Demo) -> bytes:
    """The key of the cookies, as root can read it."""
    return server_access_cookie.key(
        (demo.site.etc / "proxy.env").read_text().strip().split("=", 1)[1]
    )


@pytest.fixture
def visitor(demo: Demo, server: Server) -> Iterator[Person]:
    """alice in a second browser, which has been to her server."""
    with demo.person("alice") as person:
        assert person.login().url.path != "/hub/login"
        assert person.lab().status_code == 200
        yield person
    # a logout is one in all of her browsers
    if server.person.http.get("/hub/home").url.path == "/hub/login":
        server.person.login()
        assert server.person.lab().status_code == 200


def cookie_of(person: Person) -> str:
    return next(
        cookie.value
        for cookie in person.http.cookies.jar
        if cookie.name == server_access_cookie.COOKIE
    )


def opens(demo: Demo, server: Server, cookies: dict[str, str]) -> bool:
    """Whether a page, a request and a WebSocket with these get to the server. Without a login there
    it says 403."""
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    page = call(demo.site.front.url, "GET", f"{server.base}api/status", headers={"Cookie": header})
    sent = call(
        demo.site.front.url, "POST", f"{server.base}api/kernels", headers={"Cookie": header}
    )
    by_proxy = "let this browser" in sent.text
    assert (page.status_code == 302) == by_proxy == _socket_refused_by_proxy(demo, server, header)
    return not by_proxy


def _socket_refused_by_proxy(demo: Demo, server: Server, header: str) -> bool:
    try:
        websocket.create_connection(
            demo.site.front.url.replace("https", "wss") + f"{server.base}api/events/subscribe",
            sslopt={"cert_reqs": ssl.CERT_NONE}, cookie=header, origin=demo.site.front.url, timeout=90,
        ).close()  # fmt: skip
    except websocket.WebSocketBadStatusException as refused:
        return not refused.resp_body  # the server says why
    return False


def test_the_cookie_says_what_it_should(visitor: Person, signing: bytes) -> None:
    found = server_access_cookie.read_entry(cookie_of(visitor), signing)
    assert found and found.user == "alice" and list(found.servers) == ["alice"]
    assert found.servers["alice"] <= time.time() + 14 * 86400 + 1


def test_forged_old_and_borrowed_cookies(
    demo: Demo, server: Server, visitor: Person, signing: bytes
) -> None:
    later = int(time.time()) + 60
    with demo.person("bob") as bob:
        bob.login()
        borrowed = cookie_of(bob)
    right = cookie_of(visitor)
    assert opens(demo, server, {server_access_cookie.COOKIE: right})
    said = json.loads(urlsafe_b64decode(borrowed.split(".")[0] + "==="))
    assert list(said["servers"]) == ["bob"]
    wrong = {
        "none": "",
        "bob's": borrowed,
        "bob's with alice's text": f"{right.split('.')[0]}.{borrowed.split('.')[1]}",
        "over": server_access_cookie.write_entry(
            server_access_cookie.Entry("alice", {"alice": int(time.time()) - 1}), signing
        ),
        "signed by another": server_access_cookie.write_entry(
            server_access_cookie.Entry("alice", {"alice": later}),
            server_access_cookie.key("0" * 64),
        ),
        "hub-login": visitor.http.cookies.get("jupyterhub-hub-login", path="/hub/"),
    }
    for what, value in wrong.items():
        assert not opens(demo, server, {server_access_cookie.COOKIE: value}), what
    assert not opens(
        demo,
        server,
        {"jupyterhub-user-alice": "2|1:0|", "_xsrf": "x", "jupyterhub-session-id": "x"},
    )


def test_what_was_copied_before_a_logout_is_good_for_nothing_afterwards(
    demo: Demo, server: Server, visitor: Person
) -> None:
    copied = {
        cookie.name: cookie.value
        for cookie in visitor.http.cookies.jar
        if cookie.path in ("/", server.base)
    }
    assert opens(demo, server, copied)
    visitor.http.get("/hub/logout")
    assert server_access_cookie.COOKIE not in {cookie.name for cookie in visitor.http.cookies.jar}
    assert not opens(demo, server, copied)
    assert opens(demo, server, {server_access_cookie.COOKIE: cookie_of(server.person)}), (
        "that of her other browser has its own end"
    )


def test_it_is_so_when_the_proxy_has_started_anew(
    demo: Demo, server: Server, visitor: Person
) -> None:
    """The proxy keeps in memory what has ended."""
    copied = {
        cookie.name: cookie.value
        for cookie in visitor.http.cookies.jar
        if cookie.path in ("/", server.base)
    }
    visitor.http.get("/hub/logout")
    with Machine(demo.site).stopped("proxy"):
        pass
    until(lambda: "/user/alice" in routes(demo.site))
    assert not opens(demo, server, copied)
    assert opens(demo, server, {server_access_cookie.COOKIE: cookie_of(server.person)})


def test_who_comes_back_with_one_that_has_ended_is_asked_and_not_sent_in_circles(
    demo: Demo, server: Server, visitor: Person
) -> None:
    ended = cookie_of(visitor)
    visitor.http.get("/hub/logout")
    visitor.login()
    visitor.http.cookies.set(server_access_cookie.COOKIE, ended, domain="localhost.local", path="/")
    answer = visitor.http.get("/user/alice/lab")
    assert answer.url.path == "/hub/sitekit/enter" and "The server did not open" in answer.text
    answer = visitor.http.post(answer.url, data={"_xsrf": visitor.xsrf()})
    assert answer.url.path == "/user/alice/lab" and answer.status_code == 200


def test_another_login_in_the_same_browser_leaves_the_entry_of_the_first(
    demo: Demo, signing: bytes
) -> None:
    with demo.person("alice") as alice, demo.person("bob") as bob:
        alice.login()
        bob.http.cookies.set(
            server_access_cookie.COOKIE, cookie_of(alice), domain="localhost.local", path="/"
        )
        bob.login()
        found = server_access_cookie.read_entry(cookie_of(bob), signing)
        assert found and (found.user, list(found.servers)) == ("bob", ["bob"])


WHERE = (
    "", "/", "/hub/home", "/user/", "/user/alice/../bob/", "/user/alice/%2e%2E/bob/", "/user/../hub/logout",
    "//evil.example/user/alice/", "https://evil.example/user/alice/", "/\\evil.example/user/alice/",
    "/user/alice\\@evil.example/", "user/alice/", " /user/alice/", "/user/alice/\r\nSet-Cookie: a=b",
    "/user//evil.example/", "/user/%2F/evil.example", "/user/alice/#https://evil.example",
    "javascript:alert(1)//user/alice/", "/services/alice/", "/User/alice/",
)  # fmt: skip


@pytest.mark.parametrize("where", WHERE)
def test_the_way_back_leads_to_a_users_server_and_nowhere_else(owner: Person, where: str) -> None:
    answer = owner.http.get("/hub/sitekit/enter", params={"next": where}, follow_redirects=False)
    assert answer.status_code in (400, 404) and "location" not in answer.headers
    answer = owner.http.post(
        "/hub/sitekit/enter",
        params={"next": where},
        data={"_xsrf": owner.xsrf()},
        follow_redirects=False,
    )
    assert answer.status_code in (400, 404) and "location" not in answer.headers


def test_the_way_back_is_the_address_that_was_asked_for(demo: Demo, server: Server) -> None:
    with demo.person("alice") as fresh:
        fresh.login()
        for path in (
            "/user/alice",
            "/user/alice/",
            "/user/alice/lab/tree/a%20b.ipynb?x=1&y=%2F",
            "/user/alice/2nd/lab",
        ):
            fresh.http.cookies.delete(server_access_cookie.COOKIE)
            sent = fresh.http.get(path, follow_redirects=False)
            answer = fresh.http.get(sent.headers["location"], follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (302, path)


@pytest.mark.parametrize("owner_", ["alice", "nobody-at-all", "root"])
def test_others_read_that_there_is_no_such_page(demo: Demo, server: Server, owner_: str) -> None:
    """bob, and carol, who administers: the same for a user who is not there. Nothing is set, not
    even by a POST."""
    for name in ("bob", "carol"):
        with demo.person(name) as person:
            person.login()
            before = cookie_of(person)
            query = {"next": f"/user/{owner_}/lab"}
            for answer in (
                person.http.get("/hub/sitekit/enter", params=query),
                person.http.post("/hub/sitekit/enter", params=query, data={"_xsrf": person.xsrf()}),
            ):
                assert answer.status_code == 404 and "set-cookie" not in answer.headers
            assert cookie_of(person) == before


def test_without_a_login_the_way_leads_through_it(demo: Demo, server: Server) -> None:
    with demo.person("alice") as stranger:
        answer = stranger.http.get("/user/alice/lab")
        assert answer.url.path == "/hub/login" and "%252Fuser%252Falice%252Flab" in str(answer.url)
        answer = stranger.http.post("/hub/sitekit/enter?next=/user/alice/", data={})
        assert answer.status_code == 403


def test_a_click_counts_only_from_the_hubs_own_page(owner: Person) -> None:
    for data, headers in (({}, {}), ({"_xsrf": "x"}, {}), ({}, {"Origin": "https://evil.example"})):
        answer = owner.http.post("/hub/sitekit/enter?next=/user/alice/", data=data, headers=headers)
        assert answer.status_code == 403


def test_tokens_work_without_the_cookie_and_only_in_the_header(demo: Demo, server: Server) -> None:
    base, token = demo.site.front.url, new_token(server.person)
    assert call(base, "GET", f"{server.base}api/status", token).status_code == 200
    bearer = {"Authorization": f"Bearer {token}"}
    assert call(base, "GET", f"{server.base}api/status", headers=bearer).status_code == 200
    answer = call(base, "GET", f"{server.base}api/status?token={token}&x=1")
    assert answer.status_code == 302 and token not in answer.headers["location"]
    assert call(base, "POST", f"{server.base}api/kernels?token={token}").status_code == 403


def test_a_server_of_another_name_is_its_owners_as_well(
    demo: Demo, owner: Person, idle: Person, server: Server
) -> None:
    assert owner.start("small", "second")[-1].get("ready")
    try:
        assert owner.lab("second").status_code == 200
        for path in ("/user/alice/second/lab", "/user/alice/second", "/user/alice%2Fsecond/lab"):
            assert idle.http.get(path).status_code in (400, 404)
        answer = idle.http.post("/user/alice/second/api/kernels")
        assert answer.status_code == 403 and "let this browser" in answer.text
    finally:
        owner.api("DELETE", "/users/alice/servers/second", {"remove": True})
        until(lambda: owner.server("second") is None)


def test_the_secret_opens_the_api_of_the_proxy_and_nothing_else_does(demo: Demo) -> None:
    url, verify = (
        f"{proxy_api(demo.site)}/sitekit/ended/x?until=1",
        client_context(demo.site, "hub"),
    )
    for headers in ({}, {"Authorization": "token x"}):
        assert httpx.post(url, headers=headers, verify=verify, timeout=90).status_code == 403
    assert httpx.get(url, verify=verify, timeout=90).status_code in (403, 404)
