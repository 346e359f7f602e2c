"""Who may call what: the matrix of the hub's callers and calls. What is not allowed also does
nothing.

Every caller makes every call. What those may do who may is done to throwaway objects, and undone by
the administrator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from sitekit.contracts.internal_tls import certificate_and_key

from ..conftest import Demo
from ..person import Person
from ..slurm import jobs, until
from .certificates import context
from .conftest import Server, call
from .state import ANY, nothing_changes

CALLERS = ("nobody", "garbage", "server", "user", "another", "culler", "admin")
# to alice's server; that its own token cannot end it, too
STRANGERS = ("nobody", "garbage", "server", "another")
EVERYBODY = ("server", "user", "another", "culler", "admin")


@dataclass(frozen=True)
class Call:
    """A call of the REST API: who may make it, and the answer; all others are refused.

    `given` is what the administrator does beforehand, or alice for tokens of hers; `undo` is
    afterwards. Their paths, and the call's own, may name what was made last, as in
    `/users/bob/tokens/{id}`. alice owns the server, bob is another user, games nobody yet.
    """

    method: str
    path: str
    may: dict[str, int]
    body: Any = None
    given: tuple[tuple[Any, ...], ...] = ()
    undo: tuple[tuple[Any, ...], ...] = ()
    callers: tuple[str, ...] = CALLERS

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def reads(path: str, *callers: str) -> Call:
    return Call("GET", path, dict.fromkeys(callers, 200))


MADE = (("POST", "/users/games"),)
UNMADE = (("DELETE", "/users/games"), ("DELETE", "/users/kit-mallory"))
GROUP = (("POST", "/groups/kit-attack"),)
UNGROUP = (("DELETE", "/groups/kit-attack"),)
FORGET = (("DELETE", "/users/bob/servers/kit-attack", {"remove": True}),)
TOKEN = (("POST", "/users/alice/tokens", {"note": "attack", "expires_in": 3600}),)
SEEN = {"last_activity": "2026-01-01T00:00:00Z"}
WRONG = {"tier": "nope"}  # whoever may start a server is told 400; a right one is started below

CALLS = [
    reads("/user", *EVERYBODY),
    reads("/users/alice", "server", "user", "culler", "admin"),
    reads("/users/bob", "another", "culler", "admin"),
    reads("/users", "culler", "admin"),
    reads("/groups", "admin"),
    reads("/services", "admin"),
    reads("/services/idle-culler", "admin"),
    reads("/info", "admin"),
    reads("/proxy", "admin"),
    reads("/sitekit/status", "admin"),
    reads("/sitekit/announcements", "admin"),
    reads("/sitekit/messages", "server"),
    reads("/sitekit/end?start=0123456789abcdef&key=wrong"),
    Call("POST", "/sitekit/announcements", {"admin": 400}, {"text": ""}),
    Call("DELETE", "/sitekit/announcements/999999", {"admin": 404}),
    reads("/sitekit/drains", "admin"),
    Call("POST", "/sitekit/drains", {"admin": 400}, {"node": "kit-none", "text": "x"}),
    Call("DELETE", "/sitekit/drains/node/kit-none", {"admin": 404}),
    Call("POST", "/sitekit/stops", {"admin": 400}, {"user": "kit-none"}),
    reads("/sitekit/stops/999999", "admin"),
    reads("/users/alice/server/progress", "user", "culler", "admin"),
    reads("/users/alice/server", "user", "culler", "admin"),
    reads("/users/alice/tokens", "user", "admin"),
    reads("/users/bob/tokens", "another", "admin"),
    Call("GET", "/sitekit/card?server=kit-none", {"user": 404, "another": 404, "admin": 404}),
    Call("DELETE", "/sitekit/card?server=kit-none", {"user": 204, "another": 204, "admin": 204}),
    # servers
    Call("POST", "/users/bob/server", {"another": 400, "admin": 400}, WRONG),
    Call("POST", "/users/bob/servers/kit-attack", {"another": 400, "admin": 400}, WRONG),
    Call(
        "PUT",
        "/users/bob/servers/kit-attack",
        {"another": 201, "admin": 201},
        {"display_name": "x"},
        undo=FORGET,
    ),
    Call(
        "PATCH",
        "/users/bob/servers/kit-attack",
        {"another": 200, "admin": 200},
        {"display_name": "x"},
        given=(("PUT", "/users/bob/servers/kit-attack"),),
        undo=FORGET,
    ),
    Call("DELETE", "/users/bob/server", {"another": 204, "culler": 204, "admin": 204}),
    Call("DELETE", "/users/alice/server", {}, callers=STRANGERS),
    Call("POST", "/users/alice/activity", {"server": 200, "user": 200, "admin": 200}, SEEN),
    Call("POST", "/users/bob/activity", {"another": 200, "admin": 200}, SEEN),
    # tokens
    Call(
        "POST",
        "/users/bob/tokens",
        {"another": 201},
        {"note": "attack", "expires_in": 3600},
        undo=(("DELETE", "/users/bob/tokens/{id}"),),
    ),
    Call(
        "POST",
        "/users/carol/tokens",
        {"admin": 201},
        {"note": "attack", "expires_in": 3600},
        undo=(("DELETE", "/users/carol/tokens/{id}"),),
    ),
    Call(
        "GET",
        "/users/alice/tokens/{id}",
        {"user": 200, "admin": 200},
        given=TOKEN,
        undo=(("DELETE", "/users/alice/tokens/{id}"),),
    ),
    Call(
        "DELETE",
        "/users/alice/tokens/{id}",
        {"user": 204, "admin": 204},
        given=TOKEN,
        undo=(("DELETE", "/users/alice/tokens/{id}"),),
    ),
    # users
    Call("POST", "/users/games", {"admin": 201}, undo=UNMADE),
    Call("POST", "/users", {"admin": 201}, {"usernames": ["games"], "admin": True}, undo=UNMADE),
    Call("PATCH", "/users/games", {"admin": 200}, {"admin": True}, given=MADE, undo=UNMADE),
    Call("PATCH", "/users/games", {"admin": 400}, {"name": "kit-mallory"}, given=MADE, undo=UNMADE),
    # and start servers as that account
    Call("PATCH", "/users/carol", {"admin": 400}, {"name": "games"}, undo=UNMADE),
    Call("DELETE", "/users/games", {"admin": 204}, given=MADE, undo=UNMADE),
    Call(
        "PATCH",
        "/users/alice",
        {"admin": 200},
        {"admin": True},
        undo=(("PATCH", "/users/alice", {"admin": False}),),
    ),
    Call("PATCH", "/users/bob", {"admin": 400}, {"name": "carol"}),  # that name is taken
    Call("DELETE", "/users/alice", {}, callers=(*STRANGERS, "user", "culler")),
    # groups and services
    Call("POST", "/groups/kit-attack", {"admin": 201}, undo=UNGROUP),
    Call(
        "POST",
        "/groups/kit-attack/users",
        {"admin": 200},
        {"users": ["alice"]},
        given=GROUP,
        undo=UNGROUP,
    ),
    Call("DELETE", "/groups/kit-attack", {"admin": 204}, given=GROUP, undo=UNGROUP),
    Call(
        "POST",
        "/services/kit-attack",
        {},  # its page would be one of the hub's own origin
        {"api_token": "kit-attack" * 4, "url": "http://127.0.0.1:9/", "oauth_no_confirm": True},
    ),
    Call("DELETE", "/services/idle-culler", {}),
    # the hub itself
    Call("POST", "/proxy", {"admin": 200}),
    Call("PATCH", "/proxy", {}, {}),  # the address that it has
    Call("POST", "/shutdown", {"admin": 400}, {"proxy": "perhaps"}),
    # shares: to make one is to enter the server, by whom it is for; administrators may not
    # (login.admin_access)
    Call("POST", "/shares/alice/", {}, {"user": "bob"}),
    Call("POST", "/share-codes/bob/", {}, {}),
    # callbacks
    Call("POST", "/sitekit/listening", {"server": 409}, {"port": 20777}),  # it has told its port
    Call("POST", "/batchspawner", {}, {"port": 20777}),
]


@pytest.mark.parametrize("asked", CALLS, ids=str)
def test_who_may_call_what(demo: Demo, tokens: dict[str, str | None], asked: Call) -> None:
    made = ["none"]  # the ids of what was made, the last of which a path may name

    def ask(caller: str, method: str, path: str, body: Any = None) -> httpx.Response:
        where = f"/hub/api{path}".replace("{id}", made[-1])
        answer = call(demo.site.front.url, method, where, tokens[caller], json=body)
        made.extend(re.findall(r'"id": "(\w+)"', answer.text) if answer.status_code == 201 else ())
        return answer

    @contextmanager
    def needed() -> Iterator[None]:
        """What the call needs is there within, and nothing of it, nor of what the call did, is
        left."""
        with nothing_changes(demo.site):
            try:
                for words in asked.given:
                    # who make no tokens for others
                    giver = "user" if words[1] == "/users/alice/tokens" else "admin"
                    assert ask(giver, *words).status_code in (200, 201), words
                yield
            finally:
                for words in asked.undo:
                    assert ask("admin", *words).status_code in (200, 204, 404), words

    with needed(), nothing_changes(demo.site):
        callers = [caller for caller in asked.callers if caller not in asked.may]
        refusals = {
            caller: ask(caller, asked.method, asked.path, asked.body).status_code
            for caller in callers
        }
    assert set(refusals.values()) <= {403, 404, 405}, refusals
    for caller, status in asked.may.items():
        with needed():
            answer = ask(caller, asked.method, asked.path, asked.body)
            assert answer.status_code == status, (caller, answer.text)


def test_tokens_start_and_stop_servers(
    demo: Demo, tokens: dict[str, str | None], idle: Person
) -> None:
    """bob's own starts his, and the culler's stops it; the administrator's starts him another, his
    own stops that."""
    for starter, path, stopper in (
        ("another", "server", "culler"),
        ("admin", "servers/kit-attack", "another"),
    ):
        where = f"/hub/api/users/bob/{path}"
        started = call(demo.site.front.url, "POST", where, tokens[starter], json={"tier": "small"})
        assert started.status_code in (201, 202), started.text
        # the answer is 202 if the job is not submitted yet
        assert len(until(lambda: jobs(demo.site, "bob"))) == 1
        stopped = call(
            demo.site.front.url,
            "DELETE",
            where,
            tokens[stopper],
            json={"remove": "servers/" in path},
        )
        assert stopped.status_code in (202, 204), stopped.text
        until(lambda: not jobs(demo.site, "bob"))
    until(lambda: idle.api("GET", "/users/bob").json()["servers"] == {})


def test_the_culler_sees_no_more_than_it_needs(
    demo: Demo, tokens: dict[str, str | None], server: Server
) -> None:
    """Activity and servers of all users; no tokens, no rights, and never a server's state."""
    own = call(demo.site.front.url, "GET", "/hub/api/user", tokens["culler"]).json()
    assert {scope.split("!")[0] for scope in own["scopes"]} <= {
        "list:users", "read:users:activity", "read:users:name", "read:servers", "delete:servers"
    }  # fmt: skip
    [alice] = [
        user
        for user in call(demo.site.front.url, "GET", "/hub/api/users", tokens["culler"]).json()
        if user["name"] == "alice"
    ]
    assert not {"auth_state", "roles", "groups"} & set(alice)
    assert "state" not in alice["servers"][""]


@pytest.mark.parametrize(
    "path",
    ["/hub/metrics", "/hub/admin", "/hub/token", "/hub/home", "/hub/spawn/alice", "/hub/spawn"],
)
def test_pages_take_no_tokens_of_servers(
    demo: Demo, tokens: dict[str, str | None], path: str
) -> None:
    for caller in ("nobody", "garbage", "server", "culler"):
        assert call(demo.site.front.url, "GET", path, tokens[caller]).status_code in (302, 403, 404)


@pytest.mark.parametrize(
    "path", ["api/status", "api/contents", "api/kernels", "api/terminals", "lab", "files/.bashrc"]
)
def test_a_server_is_its_owners_alone(
    demo: Demo, server: Server, tokens: dict[str, str | None], idle: Person, path: str
) -> None:
    """Through the front and straight at its port, by every stranger's token and by a stranger's
    session."""
    as_the_proxy = context(certificate_and_key(demo.site, "proxy").read_bytes())
    for base, verify in (
        (demo.site.front.url, ANY),
        (f"https://127.0.0.1:{server.port}", as_the_proxy),
    ):
        for caller in ("nobody", "garbage", "another", "culler"):
            answer = call(base, "GET", server.base + path, tokens[caller], verify=verify)
            assert answer.status_code in (302, 403), (base, caller, answer.status_code)
            # by the proxy, by the server itself
            asked = {"/hub/sitekit/enter", "/hub/api/oauth2/authorize"}
            assert answer.status_code == 403 or urlsplit(answer.headers["location"]).path in asked
    answer = idle.http.get(f"{server.base}{path}")
    assert answer.status_code == 404 and "alice" not in str(idle.server() or "")


@pytest.mark.parametrize("path", ["api/kernels", "api/terminals", "api/shutdown", "api/contents"])
def test_a_stranger_starts_nothing_on_it(
    demo: Demo, server: Server, tokens: dict[str, str | None], path: str
) -> None:
    before = server.person.server_api("GET", "kernels").json()
    as_the_proxy = context(certificate_and_key(demo.site, "proxy").read_bytes())
    for base, verify in (
        (demo.site.front.url, ANY),
        (f"https://127.0.0.1:{server.port}", as_the_proxy),
    ):
        for caller in ("nobody", "garbage", "another", "culler"):
            answer = call(base, "POST", server.base + path, tokens[caller], json={}, verify=verify)
            assert answer.status_code == 403
    after = server.person.server_api("GET", "kernels").json()
    assert [kernel["id"] for kernel in after] == [kernel["id"] for kernel in before]
    assert server.person.server_api("GET", "terminals").json() == []
