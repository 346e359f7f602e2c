"""Logins at a provider of OpenID Connect, through all redirects, to a server as the right account."""

from __future__ import annotations

import pwd
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from sitekit.machine.host.platform import this_platform
from sitekit.machine.render.services_of_site import site_services, site_supervisor
from sitekit.machine.supervisors.control import restart
from sitekit.site import Site

from ..slurm import jobs, partition_down, until
from .oauth import Visitor, applied, environments, provider, refusal, started, visiting
from .provider import SECRET, Known, Provider

__all__ = ["provider"]  # a fixture


@pytest.fixture(scope="module")
def oidc(provider: Provider) -> Iterator[Site]:
    accounts = provider.folder / "accounts"
    accounts.write_text("# user account\nann alice\neve bob\nold alice\nmallory root\n")
    provider.people = {
        "ann": Known({"preferred_username": "Ann", "groups": ["hpc"]}),
        "eve": Known({"preferred_username": "eve", "groups": ["hpc", "staff"]}),
        "old": Known({"preferred_username": "old", "groups": ["students"]}),
        "nobody": Known({"preferred_username": "nobody", "groups": ["hpc"]}),
        "mallory": Known({"preferred_username": "mallory", "groups": ["hpc"]}),
        "nameless": Known({"sub": "7", "groups": ["hpc"]}),
        "number": Known({"preferred_username": 7, "groups": ["hpc"]}),
        "list": Known(["preferred_username"]),
        "nothing": Known(None),
        "word": Known({"preferred_username": "word", "groups": "hpc"}),
        "double": Known({"preferred_username": "ANN", "groups": ["hpc"]}),
        "unknown": Known({"preferred_username": "ann", "groups": ["hpc"], "sub": None}),
        "slash": Known({"preferred_username": "ann/../eve", "groups": ["hpc"]}),
    }
    people = {"allow": {"groups": ["hpc"]}, "admins": {"groups": ["staff"]}}
    with applied(provider, "oidc", accounts={"file": str(accounts)}, **people) as site:
        yield site


def test_a_user_gets_a_server_as_the_account_of_the_list(oidc: Site) -> None:
    with visiting(oidc, "ann") as ann:
        answer = ann.come()
        assert answer.status_code == 200 and answer.url.path == "/hub/home", answer.text[:500]
        assert ann.api("GET", "/user").json()["name"] == "ann" and not ann.admin
        started(ann)
        assert len(jobs(oidc, "alice")) == 1
        # processes of an earlier server may still be ending
        until(lambda: {one["JUPYTERHUB_USER"] for one in environments("alice")} == {"ann"})
        servers = environments("alice")
        assert {one["HOME"] for one in servers} == {pwd.getpwnam("alice").pw_dir}
        assert SECRET not in repr(servers) and "OAUTH_CLIENT_SECRET" not in repr(servers)
        ann.stop_and_wait()


def test_a_server_starts_after_a_restart_of_the_hub_too(oidc: Site) -> None:
    """The account is in the ledger: nobody has to log in again."""
    with visiting(oidc, "ann") as ann:
        ann.come()
        [hub] = [
            one
            for one in site_services(oidc, this_platform(Path("/")))
            if one.name.endswith("-hub")
        ]
        restart([hub], site_supervisor(oidc))
        started(ann)
        ann.stop_and_wait()


def test_an_administrator_is_one_as_long_as_the_provider_says_so(
    oidc: Site, provider: Provider
) -> None:
    claims: Any = provider.people["eve"].claims
    with visiting(oidc, "eve") as eve, visiting(oidc, "eve") as before:
        before.come()
        assert eve.come().status_code == 200 and eve.admin
        assert eve.api("GET", "/users").status_code == 200
        claims["groups"] = ["hpc"]
        assert eve.come().status_code == 200 and not eve.admin and not before.admin
        assert before.api("GET", "/users").status_code == 403
        claims["groups"] = ["hpc", "staff"]
        assert eve.come().status_code == 200 and eve.admin
        # whoever leaves altogether has no rights either, although the session lasts
        claims["groups"] = []
        with visiting(oidc, "eve") as later:
            assert later.come().status_code == 403
        assert not eve.admin and not before.admin
        claims["groups"] = ["hpc", "staff"]


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("old", "this user may not log in here"),
        ("word", "this user may not log in here"),
        ("nobody", "no account on the cluster"),
        ("mallory", "an account of the system"),
        ("nameless", "did not return your preferred_username"),
        ("number", "did not return your preferred_username"),
        ("list", "did not return your preferred_username"),
        ("nothing", "did not return your preferred_username"),
        ("slash", "cannot be a user's name here"),
        ("double", "belongs to somebody else"),
        ("unknown", "did not return your sub"),
    ],
)
def test_who_is_refused_is_told_why(oidc: Site, who: str, why: str) -> None:
    with visiting(oidc, "ann") as ann:
        assert ann.come().status_code == 200
    assert why in refusal(oidc, who)


def test_an_answer_of_another_form_is_a_refusal(oidc: Site, provider: Provider) -> None:
    for more in ({"token_type": None}, {"token_type": 7}, {"access_token": None}):
        provider.more = more
        try:
            assert "Log in again" in refusal(oidc, "ann")
        finally:
            provider.more = {}


def begun(visitor: Visitor) -> dict[str, str]:
    """Begin a login, and stop at the provider's door: what the browser would bring there."""
    answer = visitor.http.get("/hub/oauth_login", follow_redirects=False)
    assert answer.status_code == 302
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


@pytest.mark.parametrize(
    "state", ["", "x", "W10=", "e30=", "bnVsbA==", "\u00e9", "eyJzdGF0ZV9pZCI6IDF9"]
)
def test_a_forged_state_is_refused(oidc: Site, provider: Provider, state: str) -> None:
    with visiting(oidc, "ann") as ann:
        begun(ann)
        sent = {"code": "x", "state": state}
        answer = ann.http.get("/hub/oauth_callback", params=sent)
        assert answer.status_code == 403 and "did not begin in this browser" in answer.text
        # and in a browser in which no login began
        with visiting(oidc, "ann") as other:
            assert other.http.get("/hub/oauth_callback", params=sent).status_code == 403


def test_another_users_code_lets_nobody_in(oidc: Site, provider: Provider) -> None:
    """The code belongs to the browser in which the login began (PKCE)."""
    with visiting(oidc, "ann") as ann, visiting(oidc, "eve") as eve:
        back = provider.authorize("eve", begun(eve))
        stolen = dict(parse_qsl(urlsplit(back).query))["code"]
        sent = {"code": stolen, "state": begun(ann)["state"]}
        assert ann.http.get("/hub/oauth_callback", params=sent).status_code == 403
        assert ann.api("GET", "/user").status_code == 403


def test_a_code_is_good_once(oidc: Site, provider: Provider) -> None:
    with visiting(oidc, "ann") as ann, visiting(oidc, "ann") as again:
        back = provider.authorize("ann", begun(ann))
        assert ann.http.get(back).status_code == 200
        assert again.http.get(back).status_code == 403


def test_a_link_shows_no_text_of_its_own(oidc: Site) -> None:
    with visiting(oidc, "ann") as ann:
        sent = {"error": "x", "error_description": "call 555-0100"}
        assert "555-0100" not in ann.http.get("/hub/oauth_callback", params=sent).text


def test_the_password_form_and_the_api_are_no_way_in(oidc: Site) -> None:
    with visiting(oidc, "ann") as ann:
        begun(ann)
        form = {"username": "ann", "password": "x", "code": "x", "_xsrf": ann.xsrf()}
        assert ann.http.post("/hub/login", data=form).status_code == 403
        body = {"auth": {"username": "ann", "password": "x"}}
        assert ann.api("POST", "/users/ann/tokens?code=x", body).status_code in (400, 403)


def test_a_login_is_sent_to_no_other_site(oidc: Site) -> None:
    with visiting(oidc, "ann") as ann:
        answer = ann.http.get("/hub/oauth_login", params={"next": "//evil.example.org/"})
        assert answer.url.host == "localhost"


def test_a_provider_that_is_down_is_no_error_of_the_hubs(oidc: Site, provider: Provider) -> None:
    with visiting(oidc, "ann") as ann:
        asked = begun(ann)
        back = provider.authorize("ann", asked)
        provider.stop()
        try:
            answer = ann.http.get(back)
            assert answer.status_code == 503 and "does not answer" in answer.text
        finally:
            provider.begin()
        assert ann.come().status_code == 200


def test_nothing_of_the_provider_is_kept(oidc: Site, provider: Provider) -> None:
    with visiting(oidc, "ann") as ann:
        ann.come()
    with closing(sqlite3.connect(f"file:{oidc.database}?mode=ro", uri=True)) as database:
        kept = database.execute("SELECT encrypted_auth_state FROM users").fetchall()
        assert {row[0] for row in kept} == {None}
        dumped = "\n".join(database.iterdump())
    with closing(sqlite3.connect(f"file:{oidc.ledger}?mode=ro", uri=True)) as ledger:
        dumped += "\n".join(ledger.iterdump())
    assert not [token for token in (*provider.access, SECRET) if token in dumped]


def test_a_logout_ends_the_sessions_of_all_browsers(oidc: Site) -> None:
    with visiting(oidc, "ann") as ann, visiting(oidc, "ann") as other:
        ann.come()
        other.come()
        ann.http.get("/hub/logout")
        assert other.api("GET", "/user").status_code == 403


def test_before_a_start_the_provider_is_asked_again(oidc: Site, provider: Provider) -> None:
    """Also about an account that the list no longer has."""
    claims: Any = provider.people["ann"].claims
    accounts = provider.folder / "accounts"
    lines = accounts.read_text()
    for leave, come_back in (
        (lambda: claims.update(groups=[]), lambda: claims.update(groups=["hpc"])),
        (lambda: accounts.write_text(""), lambda: accounts.write_text(lines)),
    ):
        with visiting(oidc, "ann") as ann:
            assert ann.come().status_code == 200
            token = ann.api("POST", "/users/ann/tokens", {"note": "program"}).json()["token"]
            leave()
            try:
                assert ann.api("POST", "/users/ann/server", {"tier": "small"}).status_code == 403
                sent = {"Authorization": f"token {token}"}
                by_token = httpx.post(
                    f"{oidc.front.url}/hub/api/users/ann/server",
                    json={"tier": "small"}, headers=sent, verify=False, timeout=90,  # noqa: S501
                )  # fmt: skip
                assert by_token.status_code == 403 and "log in again" in by_token.text
                assert not jobs(oidc, "alice")
            finally:
                come_back()


def test_a_slow_provider_delays_a_start_and_hides_it_from_nobody(
    oidc: Site, provider: Provider
) -> None:
    """The form's answer leads to the page of a server that is starting, as when a class comes."""
    with visiting(oidc, "ann") as ann:
        ann.come()
        with partition_down(oidc, "jupyter-long"):  # the server still starts when the page is read
            provider.pause = 1.5  # JupyterHub redirects after one second
            try:
                answer = ann.choose("long")
            finally:
                provider.pause = 0
            assert answer.status_code == 302
            page = ann.http.get(answer.headers["location"])
            assert page.status_code == 200 and "/server/progress" in page.text, page.text
        assert list(ann.progress())[-1].get("ready")
        ann.stop_and_wait()


def test_the_secret_is_in_one_file_of_roots(oidc: Site) -> None:
    file = oidc.etc / "hub.env"
    status = file.stat()
    assert file.read_text() == f"OAUTH_CLIENT_SECRET='{SECRET}'\n" and status.st_uid == 0
    assert not stat.S_IMODE(status.st_mode) & 0o027
    assert SECRET not in (oidc.etc / "site.yml").read_text()
    assert not Path("/etc/pam.d", f"sitekit-{oidc.name}").exists()
