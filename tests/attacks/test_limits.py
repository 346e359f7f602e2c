"""What one user can leave in the hub's database is bounded: tokens, their notes and times, logins,
named servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..conftest import Demo
from ..person import Person
from .conftest import Server, call
from .state import nothing_changes, rows

DAY = 86400
TOKENS, NOTE, LOGINS = 50, 250, 50  # as docs/login.md says


@pytest.fixture
def bob(idle: Person) -> Iterator[Person]:
    """bob, without tokens that he made."""
    drop_tokens(idle)
    yield idle
    drop_tokens(idle)


def drop_tokens(person: Person) -> None:
    """Those that were made here; others' tests have more."""
    for token in person.api("GET", f"/users/{person.name}/tokens").json()["api_tokens"]:
        if token["note"] == "limit":
            person.api("DELETE", f"/users/{person.name}/tokens/{token['id']}")


def new(person: Person, **asked: object) -> tuple[int, str]:
    """Ask for a token: the status, and the message of a refusal."""
    answer = person.api("POST", f"/users/{person.name}/tokens", {"note": "limit", **asked})
    return answer.status_code, answer.json().get("message", "")


@pytest.mark.parametrize("lifetime", [10**30, 10**10, 91 * DAY, 0, -1, "1", 1.5])
def test_a_token_has_an_end_within_the_limit(demo: Demo, bob: Person, lifetime: object) -> None:
    assert demo.site.login.tokens == 90 * DAY
    with nothing_changes(demo.site):
        status, message = new(bob, expires_in=lifetime)
        assert status == 400 and "expires_in" in message


def test_a_token_without_a_time_ends_with_the_limit(demo: Demo, bob: Person) -> None:
    assert new(bob)[0] == new(bob, expires_in=None)[0] == 201
    made = "SELECT CAST(julianday(expires_at) - julianday(created) + 0.5 AS INT) FROM api_tokens WHERE note = 'limit'"
    assert rows(demo.site.paths.state / "jupyterhub.sqlite", made) == [(90,), (90,)]


@pytest.mark.parametrize("note", ["n" * (NOTE + 1), ["n"], {"n": "n"}, 1])
def test_a_note_is_short(demo: Demo, bob: Person, note: object) -> None:
    with nothing_changes(demo.site):
        status, message = new(bob, note=note)
        assert status == 400 and "note" in message


def test_a_user_has_so_many_tokens_and_no_more(demo: Demo, bob: Person) -> None:
    """By session and by password alike. Others have as many, and a server can still be started."""
    password = {"auth": {"username": "bob", "password": demo.passwords["bob"]}, "note": "limit"}
    assert (
        call(demo.site.front.url, "POST", "/hub/api/users/bob/tokens", json=password).status_code
        == 201
    )
    answers = [new(bob) for _ in range(TOKENS)]
    assert answers[-1] == (
        400,
        f"bob has {TOKENS} tokens, and no more are allowed. Delete one first",
    )
    assert {status for status, _ in answers[:-5]} == {201}  # other tests' tokens count as well
    with nothing_changes(demo.site):
        # to JupyterHub every error of a login by password is 403
        assert (
            call(
                demo.site.front.url, "POST", "/hub/api/users/bob/tokens", json=password
            ).status_code
            == 403
        )
    with demo.person("carol") as carol:
        carol.login()
        assert new(carol)[0] == 201
        drop_tokens(carol)
    assert bob.start("small")[-1].get("ready")
    bob.stop_and_wait()


def test_logins_at_a_server_are_forgotten(demo: Demo, server: Server) -> None:
    """A browser that drops the server's cookie and comes again is let in each time; the last logins
    are remembered."""
    alice, database = server.person, demo.site.paths.state / "jupyterhub.sqlite"
    left = "SELECT count(*) FROM {} JOIN users ON users.id = user_id WHERE name = 'alice' AND client_id != 'jupyterhub'"
    for _ in range(LOGINS + 3):
        for cookie in [cookie for cookie in alice.http.cookies.jar if cookie.path == server.base]:
            alice.http.cookies.delete(cookie.name, cookie.domain, cookie.path)
        assert (
            alice.http.get(f"{server.base}api/kernels", follow_redirects=False).status_code == 403
        )
        assert alice.http.get(f"{server.base}lab/tree").status_code == 200
    for table in ("api_tokens", "oauth_codes"):
        [(count,)] = rows(database, left.format(table))
        assert count <= LOGINS, table


def test_a_refused_start_takes_no_named_server(demo: Demo, bob: Person) -> None:
    """Nor does a look at the form: by REST, by form, by address; however often."""
    assert demo.site.server.named == 2
    with nothing_changes(demo.site):
        for number in range(3):
            assert (
                bob.api("POST", f"/users/bob/servers/r{number}", {"tier": "nope"}).status_code
                == 400
            )
            assert bob.http.get(f"/hub/spawn/bob/g{number}").status_code == 200
            assert bob.choose("nope", f"f{number}").status_code == 400
            assert bob.http.get(f"/hub/spawn/bob/q{number}?opt-tier=nope").status_code == 200
        assert servers(bob) == {""}
    assert bob.start("small", "named")[-1].get("ready")
    assert bob.api("POST", "/users/bob/servers/named", {"tier": "nope"}).status_code == 400
    assert servers(bob) >= {"named"}, "a refusal has removed a server that runs"
    bob.stop_and_wait("named")
    assert bob.api("POST", "/users/bob/servers/named", {"tier": "nope"}).status_code == 400
    assert servers(bob) >= {"named"}, "a refusal has removed a server that had been started"
    assert bob.api("DELETE", "/users/bob/servers/named", {"remove": True}).status_code == 204


def servers(person: Person) -> set[str]:
    return set(
        person.api("GET", f"/users/{person.name}?include_stopped_servers=1").json()["servers"]
    )
