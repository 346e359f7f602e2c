"""The people of the attacks: alice, who has a server and its token; bob, who has none; carol, who
administers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from ..chain.test_chain import python_of
from ..conftest import Demo
from ..person import Person
from ..processes import culler_token
from ..slurm import ask, jobs, until
from .state import ANY, routes


@dataclass(frozen=True)
class Server:
    """A running server, and what its owner can read from within it."""

    person: Person
    job: str
    port: int
    token: str
    environment: dict[str, str]

    @property
    def base(self) -> str:
        return f"/user/{self.person.name}/"


class Kept(httpx.HTTPTransport):
    """Connections that stay open from request to request, since a handshake takes longer than most
    answers. Apache closes a connection that is idle for 5 seconds."""

    def __init__(self) -> None:
        super().__init__(verify=ANY, limits=httpx.Limits(keepalive_expiry=2))

    def close(self) -> None:
        """Called at the end of each request's client."""

    def __exit__(self, *_: object) -> None:
        """As `close`."""


KEPT = Kept()


def call(
    base: str, method: str, path: str, token: str | None = None, **more: Any
) -> httpx.Response:
    """One request without cookies and without following redirects. `verify`: a context with a
    client's certificate."""
    headers = {**more.pop("headers", {}), **({"Authorization": f"token {token}"} if token else {})}
    own = {"verify": more.pop("verify")} if "verify" in more else {"transport": KEPT}
    with httpx.Client(**own, timeout=more.pop("timeout", 90)) as client:
        return client.request(method, base + path, headers=headers, **more)


def new_token(person: Person) -> str:
    """An API token of a person's own, with all of the person's rights; taken back with the person's
    others."""
    answer = person.api(
        "POST", f"/users/{person.name}/tokens", {"note": "attack", "expires_in": 3600}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def drop_tokens(person: Person) -> None:
    for token in person.api("GET", f"/users/{person.name}/tokens").json()["api_tokens"]:
        if token["note"] == "attack":
            person.api("DELETE", f"/users/{person.name}/tokens/{token['id']}")


def _entered(demo: Demo, name: str) -> Iterator[Person]:
    with demo.person(name) as person:
        assert person.login().url.path != "/hub/login"
        _leave_nothing(demo, person)
        yield person
        _leave_nothing(demo, person)


def _leave_nothing(demo: Demo, person: Person) -> None:
    drop_tokens(person)
    for name in person.api("GET", f"/users/{person.name}?include_stopped_servers=1").json()[
        "servers"
    ]:
        person.api(
            "DELETE", f"/users/{person.name}/servers/{name}", {"remove": True}
        ) if name else person.stop()
    until(lambda: person.api("GET", f"/users/{person.name}").json()["servers"] == {}, 120)
    # a job that is ending still has its processes, its port and its folders
    until(lambda: not ask(demo.site, "squeue", "--noheader", f"--user={person.name}"), 120)


@pytest.fixture(scope="package")
def idle(demo: Demo) -> Iterator[Person]:
    """bob, logged in, without a server."""
    yield from _entered(demo, "bob")


@pytest.fixture(scope="package")
def admin(demo: Demo) -> Iterator[Person]:
    """carol, logged in, without a server."""
    yield from _entered(demo, "carol")


@pytest.fixture(scope="package")
def owner(demo: Demo) -> Iterator[Person]:
    """alice, logged in."""
    yield from _entered(demo, "alice")


END_LOGINS = {"test_dotfiles", "test_floods", "test_handlers", "test_limits", "test_login",
              "test_logout", "test_owners", "test_scopes"}  # fmt: skip
"""The files whose tests may end a login, such as by a logout, which ends it in all browsers, or by
a change of an account's rights."""


@pytest.fixture(scope="package")
def seen() -> set[tuple[str, str]]:
    """The files before whose first test a person was logged in."""
    return set()


@pytest.fixture(autouse=True)
def still_logged_in(request: pytest.FixtureRequest, seen: set[tuple[str, str]]) -> None:
    """Log in again whose login an earlier test has ended."""
    file = request.path.stem
    for name in {"idle", "admin", "owner"} & set(request.fixturenames):
        # the owner's server asks the hub again after five minutes whether a login is still valid
        if (file, name) in seen and file not in END_LOGINS and name != "owner":
            continue
        seen.add((file, name))
        person = request.getfixturevalue(name)
        if person.api("GET", "/user").status_code != 200:
            assert person.login().url.path != "/hub/login"
        # the login at the server may have ended alone: the oldest of many are forgotten
        if person.server() is not None and person.server_api("GET", "status").status_code != 200:
            assert person.lab().status_code == 200


@pytest.fixture(scope="package")
def server(demo: Demo, owner: Person) -> Server:
    """alice's running server, with the token that it holds: a kernel of hers can read it."""
    assert owner.start("small")[-1].get("ready")
    [job] = jobs(demo.site, owner.name)
    kernel = owner.kernel(python_of(owner))
    told = kernel.run("import os; print(repr(dict(os.environ)))")
    kernel.close()
    environment: dict[str, str] = eval(told, {"__builtins__": {}})  # noqa: S307  (a repr of our own making)
    port = int(routes(demo.site)[f"/user/{owner.name}"].rsplit(":", 1)[1])
    return Server(owner, job.split()[0], port, environment["JUPYTERHUB_API_TOKEN"], environment)


@pytest.fixture(scope="package")
def tokens(demo: Demo, server: Server, idle: Person, admin: Person) -> dict[str, str | None]:
    """A token of every kind of caller that the hub knows."""
    return {
        "nobody": None,
        "garbage": "0123456789abcdef" * 2,
        "server": server.token,
        "user": new_token(server.person),
        "another": new_token(idle),
        "culler": culler_token(demo.site),
        "admin": new_token(admin),
    }
