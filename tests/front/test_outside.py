"""Who comes from outside the given networks logs in with the organisation first. A real
mod_auth_openidc."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sitekit.machine.host.target import Target
from sitekit.machine.render.machine_secrets import openid
from sitekit.site import Site

from ..ports import free_port
from .conftest import a_site, backend, install, running
from .provider import CLIENT, SECRET, TOKEN, Provider, providing

ELSEWHERE, HERE = "192.0.2.0/24", "127.0.0.0/8"


@dataclass(frozen=True)
class Guarded:
    """A site that asks clients outside of its networks, and the provider that it asks."""

    site: Site
    provider: Provider

    def browser(self) -> httpx.Client:
        # Apache closes a connection that is idle for some seconds; a request sent then would fail
        more = {"limits": httpx.Limits(max_keepalive_connections=0), "timeout": 90}
        url = self.site.front.url
        return httpx.Client(verify=False, follow_redirects=True, base_url=url, **more)  # noqa: S501


def guarded(stack: ExitStack, folder: Path, inside: str) -> Guarded:
    install("libapache2-mod-auth-openidc")
    (folder / "provider").mkdir()
    provider = Provider(free_port(), folder / "provider")
    stack.enter_context(providing(provider))
    discovery = f"{provider.issuer}/.well-known/openid-configuration"
    known = {"provider": discovery, "client_id": CLIENT, "client_secret": "/etc/secret"}
    site = a_site("apache", outside={"inside": [inside], "method": "openid", "openid": known})
    web = folder / "web"
    (web / "etc").mkdir(parents=True)
    (web / "etc/secret").write_text(f"{SECRET}\n")
    for path, file in openid(Target(site, web)).items():
        (web / path.relative_to("/")).parent.mkdir(parents=True)
        (web / path.relative_to("/")).write_text(file.content)
    stack.enter_context(backend(site))
    stack.enter_context(running(site, web, f"OIDCCABundlePath {provider.cert}\n"))
    return Guarded(site, provider)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """For this site the test's own client comes from outside."""
    with ExitStack() as stack:
        yield guarded(stack, tmp_path_factory.mktemp("outside"), ELSEWHERE)


@pytest.fixture(autouse=True)
def well_meaning(outside: Guarded) -> None:
    outside.provider.refuses = outside.provider.forges = False


def test_an_outsider_logs_in_first_and_the_hub_is_told_nothing_of_it(outside: Guarded) -> None:
    with outside.browser() as browser:
        answer = browser.get("/hub/login?next=%2Fhub%2Fhome", headers={"Cookie": "keep=this"})
        assert [step.status_code for step in answer.history] == [302, 302, 302], (
            "front, provider, front"
        )
        assert answer.json()["path"] == "/hub/login?next=%2Fhub%2Fhome"
        browser.cookies.set("_xsrf", "kept", domain="localhost.local")
        seen = browser.get("/hub/home", headers={"X-Remote-User": "root"}).json()["headers"]
        assert "mod_auth_openidc" in str(browser.cookies.jar), "the browser has its session"
    told = str(seen).lower()
    for word in ("oidc", "dave", TOKEN, "remote", "authorization"):
        assert word not in told, seen
    assert seen["cookie"].strip("; ") == "_xsrf=kept"


@pytest.mark.parametrize(
    "path", ["/", "/hub/login", "/hub/api", "/user/alice/lab", "/sitekit/openid", "/hub/static/x"]
)
def test_nothing_is_there_for_an_outsider_without_a_login(outside: Guarded, path: str) -> None:
    with outside.browser() as browser:
        for headers in ({}, {"Authorization": "token x"}, {"Cookie": "mod_auth_openidc_session=x"}):
            answer = browser.get(path, headers=headers, follow_redirects=False)
            assert '"path"' not in answer.text, "a page of the hub"
            assert answer.status_code != 302 or answer.headers["location"].startswith(
                outside.provider.issuer
            )


@pytest.mark.parametrize("name", ["OIDC_CLAIM_sub", "OIDC_access_token", "X-Remote-Uid"])
def test_forged_claims_are_refused_before_and_after_a_login(outside: Guarded, name: str) -> None:
    with outside.browser() as browser:
        assert browser.get("/hub/home").json()["path"] == "/hub/home"
        assert browser.get("/hub/home", headers={name: "root"}).status_code == 400
    with outside.browser() as stranger:
        assert (
            "root"
            not in stranger.get("/hub/home", headers={name: "root"}, follow_redirects=False).text
        )


def test_whom_the_provider_refuses_does_not_come_in(outside: Guarded) -> None:
    outside.provider.refuses = True
    with outside.browser() as browser:
        answer = browser.get("/hub/login")
        assert "access_denied" in answer.text
        assert '"path"' not in answer.text
        assert browser.get("/hub/home", follow_redirects=False).status_code == 302


def test_a_token_of_another_key_is_worth_nothing(outside: Guarded) -> None:
    outside.provider.forges = True
    with outside.browser() as browser:
        assert '"path"' not in browser.get("/hub/login").text
        assert browser.get("/hub/home", follow_redirects=False).status_code == 302


def test_an_answer_that_nobody_asked_for_is_refused(outside: Guarded) -> None:
    with outside.browser() as browser:
        answer = browser.get("/sitekit/openid?code=x&state=y", follow_redirects=False)
        assert answer.status_code != 302 and '"path"' not in answer.text


def test_who_is_inside_is_not_asked(tmp_path: Path) -> None:
    with ExitStack() as stack:
        inside = guarded(stack, tmp_path, HERE)
        with inside.browser() as browser:
            answer = browser.get("/hub/login")
            assert not answer.history and answer.json()["path"] == "/hub/login"
            assert browser.get("/hub/login", headers={"OIDC_CLAIM_sub": "root"}).status_code == 400
