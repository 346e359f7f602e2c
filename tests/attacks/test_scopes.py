"""Who may call what: the matrix of the hub's callers and calls. What is not allowed also does nothing."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import Demo
from ..person import Person
from .conftest import Server, call
from .state import nothing_changes

NOBODY: frozenset[str] = frozenset()
START = {"tier": "small"}
CALLS: list[tuple[str, str, Any, frozenset[str]]] = [
    # method, path, body, who may (all others are refused); alice is the server's owner, bob another user
    ("GET", "/user", None, frozenset({"server", "user", "another", "admin", "culler"})),
    ("GET", "/users/alice", None, frozenset({"server", "user", "admin", "culler"})),
    ("GET", "/users/bob", None, frozenset({"another", "admin", "culler"})),
    ("GET", "/users", None, frozenset({"admin", "culler"})),
    ("POST", "/users/bob/server", START, NOBODY),
    ("POST", "/users/bob/servers/x", START, NOBODY),
    ("PUT", "/users/bob/servers/x", START, NOBODY),
    ("PATCH", "/users/bob/server", {"user_options": START}, NOBODY),
    ("DELETE", "/users/bob/server", None, NOBODY),
    ("DELETE", "/users/alice/server", None, NOBODY),
    ("GET", "/users/alice/server/progress", None, NOBODY),
    ("POST", "/users/alice/activity", {}, NOBODY),
    ("POST", "/users/bob/activity", {}, NOBODY),
    ("GET", "/users/bob/tokens", None, frozenset({"another", "admin"})),
    ("GET", "/users/alice/tokens", None, frozenset({"user", "admin"})),
    ("POST", "/users/bob/tokens", {"note": "stolen"}, NOBODY),
    ("POST", "/users/carol/tokens", {"note": "stolen"}, NOBODY),
    ("POST", "/users/mallory", None, NOBODY),
    ("POST", "/users", {"usernames": ["mallory"], "admin": True}, NOBODY),
    ("PATCH", "/users/alice", {"admin": True}, NOBODY),
    ("PATCH", "/users/bob", {"name": "mallory"}, NOBODY),
    ("DELETE", "/users/bob", None, NOBODY),
    ("GET", "/groups", None, frozenset({"admin"})),
    ("POST", "/groups/mallory", None, NOBODY),
    ("POST", "/groups/jupyter-admins/users", {"users": ["alice"]}, NOBODY),
    ("GET", "/services", None, frozenset({"admin"})),
    ("GET", "/services/idle-culler", None, frozenset({"admin"})),
    ("POST", "/services/mallory", {"api_token": "x" * 32}, NOBODY),
    ("GET", "/info", None, frozenset({"admin"})),
    ("GET", "/proxy", None, frozenset({"admin"})),
    ("PATCH", "/proxy", {"api_url": "http://127.0.0.1:9/"}, NOBODY),
    ("POST", "/shutdown", {"proxy": True, "servers": True}, NOBODY),
    ("POST", "/shares/alice/", {"user": "bob"}, NOBODY),
    ("POST", "/shares/bob/", {"user": "alice"}, NOBODY),
    ("POST", "/share-codes/bob/", {}, NOBODY),
    ("GET", "/sitekit/status", None, frozenset({"admin"})),
    ("POST", "/sitekit/listening", {"port": 20777}, NOBODY),
    ("POST", "/batchspawner", {"port": 20777}, NOBODY),
]
MAY_BY_RIGHT = {
    # What callers may do that would change something: not called here, as JupyterHub's own tests do.
    ("POST", "/users/bob/server"): {"another", "admin"},
    ("POST", "/users/bob/servers/x"): {"another", "admin"},
    ("PUT", "/users/bob/servers/x"): {"another", "admin"},
    ("PATCH", "/users/bob/server"): {"another", "admin"},
    ("DELETE", "/users/bob/server"): {"another", "admin", "culler"},
    ("DELETE", "/users/alice/server"): {"user", "admin", "culler"},
    ("GET", "/users/alice/server/progress"): {"user", "admin", "culler"},
    ("POST", "/users/alice/activity"): {"server", "user", "admin"},
    ("POST", "/users/bob/activity"): {"another", "admin"},
    ("POST", "/users/bob/tokens"): {"another", "admin"},
    ("POST", "/users/carol/tokens"): {"admin"},
    ("POST", "/users/mallory"): {"admin"},
    ("POST", "/users"): {"admin"},
    ("PATCH", "/users/alice"): {"admin"},
    ("PATCH", "/users/bob"): {"admin"},
    ("DELETE", "/users/bob"): {"admin"},
    ("POST", "/groups/mallory"): {"admin"},
    ("POST", "/groups/jupyter-admins/users"): {"admin"},
    ("POST", "/services/mallory"): {"admin"},
    ("PATCH", "/proxy"): {"admin"},
    ("POST", "/shutdown"): {"admin"},
    ("POST", "/shares/alice/"): {"user", "admin"},
    ("POST", "/shares/bob/"): {"another", "admin"},
    ("POST", "/share-codes/bob/"): {"another", "admin"},
}
CALLERS = ["nobody", "garbage", "server", "user", "another", "culler", "admin"]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path", "body", "may"), CALLS, ids=[f"{m} {p}" for m, p, _, _ in CALLS])
def test_who_may_call_what(
    demo: Demo, tokens: dict[str, str | None], caller: str, method: str, path: str, body: Any, may: frozenset[str]
) -> None:
    if caller in MAY_BY_RIGHT.get((method, path), ()):
        return
    with nothing_changes(demo.site):
        answer = call(demo.site.front.url, method, f"/hub/api{path}", tokens[caller], json=body)
    if caller in may:
        assert answer.status_code == 200, answer.text
    elif caller == "culler" and answer.status_code == 200:  # a list that is filtered down to nothing
        assert answer.json() in ([], {})
    else:
        assert answer.status_code in (401, 403, 404, 405, 409), answer.text


def test_the_culler_sees_no_more_than_it_needs(demo: Demo, tokens: dict[str, str | None], server: Server) -> None:
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
    "path", ["/hub/metrics", "/hub/admin", "/hub/token", "/hub/home", "/hub/spawn/alice", "/hub/spawn"]
)
def test_pages_take_no_tokens_of_servers(demo: Demo, tokens: dict[str, str | None], path: str) -> None:
    for caller in ("nobody", "garbage", "server", "culler"):
        assert call(demo.site.front.url, "GET", path, tokens[caller]).status_code in (302, 403, 404)


@pytest.mark.parametrize("path", ["api/status", "api/contents", "api/kernels", "api/terminals", "lab", "files/.bashrc"])
def test_a_server_is_its_owners_alone(
    demo: Demo, server: Server, tokens: dict[str, str | None], idle: Person, path: str
) -> None:
    """Through the front and straight at its port, by every stranger's token and by a stranger's session."""
    for base in (demo.site.front.url, f"http://127.0.0.1:{server.port}"):
        for caller in ("nobody", "garbage", "another", "culler"):
            answer = call(base, "GET", server.base + path, tokens[caller])
            assert answer.status_code in (302, 403), (base, caller, answer.status_code)
            assert answer.status_code == 403 or "/hub/api/oauth2/authorize" in answer.headers["location"]
    answer = idle.http.get(f"{server.base}{path}")
    assert answer.status_code == 403 and "alice" not in str(idle.server() or "")


@pytest.mark.parametrize("path", ["api/kernels", "api/terminals", "api/shutdown", "api/contents"])
def test_a_stranger_starts_nothing_on_it(demo: Demo, server: Server, tokens: dict[str, str | None], path: str) -> None:
    before = server.person.server_api("GET", "kernels").json()
    for base in (demo.site.front.url, f"http://127.0.0.1:{server.port}"):
        for caller in ("nobody", "garbage", "another", "culler"):
            assert call(base, "POST", server.base + path, tokens[caller], json={}).status_code == 403
    after = server.person.server_api("GET", "kernels").json()
    assert [kernel["id"] for kernel in after] == [kernel["id"] for kernel in before]
    assert server.person.server_api("GET", "terminals").json() == []
