"""Logins at a provider, through all redirects, to a server that runs as the right account."""

from __future__ import annotations

import html
import json
import pwd
import re
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from sitekit.demo.cluster.layout import PASSWORDS, demo_site
from sitekit.machine.apply.commands import apply
from sitekit.machine.host.platform import this_platform
from sitekit.machine.render.services import site_services, site_supervisor
from sitekit.machine.supervisors.control import restart, which_supervisor
from sitekit.site import Site

from ..conftest import CHECKOUT, Demo
from ..front.conftest import free_port
from ..person import Person
from ..slurm import ask, jobs
from .provider import CLIENT, SECRET, Known, Provider, providing

GROUP = "0f8fad5b-d9cb-469f-a165-70867728950e"
IDP = "https://idp.example.org/shibboleth"
CAME = ("alice", "bob", "ann", "eve", "old", "mallory", "nobody")


class Visitor(Person):
    """Somebody who is known to the provider under a name, and to the hub perhaps under another."""

    def __init__(self, site: Site, who: str, name: str = "") -> None:
        super().__init__(name or who, "", site.front.url)
        self.http.cookies.set("person", who)

    def come(self) -> httpx.Response:
        """Log in, through all redirects."""
        return self.http.get("/hub/oauth_login", params={"next": "/hub/home"})

    @property
    def admin(self) -> bool:
        return bool(self.api("GET", "/user").json()["admin"])


@contextmanager
def visiting(site: Site, who: str, name: str = "") -> Iterator[Visitor]:
    with Visitor(site, who, name) as visitor:
        yield visitor


def refusal(site: Site, who: str) -> str:
    """What the page says to somebody who is refused; it must not be an error of the hub's."""
    with visiting(site, who) as visitor:
        answer = visitor.come()
        assert answer.status_code == 403, f"{answer.status_code}: {answer.text[:500]}"
        assert visitor.api("GET", "/user").status_code == 403
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


@pytest.fixture(scope="module")
def provider(demo: Demo) -> Iterator[Provider]:
    """The provider, and the hub's trust in its certificate.

    The folder is root's, and the hub sees it: its /tmp is its own.
    """
    folder = Path(tempfile.mkdtemp(dir="/var/lib", prefix="sitekit-test-"))
    folder.chmod(0o755)
    local_d = CHECKOUT / "config/local.d"
    there = local_d.exists()
    local_d.mkdir(exist_ok=True)
    extra = local_d / "zz_provider.py"
    made = Provider(free_port(), folder)
    try:
        made.make_certificate()
        (folder / "secret").write_text(SECRET + "\n")
        (folder / "secret").chmod(0o600)
        trusts = {"ca_certs": str(made.certificate)}
        extra.write_text(f"c.OAuthenticator.http_request_kwargs = {trusts!r}\n")
        with providing(made):
            yield made
    finally:
        extra.unlink(missing_ok=True)
        if not there:
            local_d.rmdir()
        shutil.rmtree(folder)
        assert apply(demo_site(which_supervisor())) == 0


@contextmanager
def applied(provider: Provider, method: str, **login: Any) -> Iterator[Site]:
    """The demo with logins at the provider, by `make apply`; afterwards as it was."""
    as_run = demo_site(which_supervisor())
    values = as_run.model_dump(mode="json")
    client = {"client_id": CLIENT, "client_secret": str(provider.folder / "secret")}
    client |= {"url": provider.url, **login.pop("provider", {})}
    values["login"] |= {"method": method, "admin_groups": [], "provider": client, **login}
    changed = Site.model_validate(values)
    try:
        assert apply(changed) == 0
        yield changed
    finally:
        for user in ("alice", "bob"):
            ask(as_run, "scancel", f"--user={user}")
        assert apply(as_run) == 0
        with Person("carol", passwords()["carol"], as_run.front.url) as carol:
            carol.login()
            for user in CAME:
                carol.api("DELETE", f"/users/{user}")


def passwords() -> dict[str, str]:
    """The demo's."""
    return json.loads(PASSWORDS.read_text())


def environments(account: str) -> list[dict[str, str]]:
    """The environments of all processes of an account that belong to a server."""
    found, uid = [], pwd.getpwnam(account).pw_uid
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == uid:
                lines = (folder / "environ").read_text(errors="replace").split("\0")
                found.append(dict(line.split("=", 1) for line in lines if "=" in line))
        except OSError:
            continue
    return [one for one in found if "JUPYTERHUB_USER" in one]


def started(visitor: Visitor) -> None:
    """Start a server, and open it."""
    assert visitor.start("small")[-1].get("ready")
    assert visitor.lab().status_code == 200


# --- OpenID Connect, with a list of accounts -----------------------------------------------------------------------


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
        "word": Known({"preferred_username": "ann", "groups": "hpc"}),
        "slash": Known({"preferred_username": "ann/../eve", "groups": ["hpc"]}),
    }
    people = {"allow": {"groups": ["hpc"]}, "admins": {"groups": ["staff"]}}
    with applied(provider, "oidc", accounts={"file": str(accounts)}, **people) as site:
        yield site


@pytest.mark.parametrize("basic_only", [True, False])
def test_a_user_gets_a_server_as_the_account_of_the_list(
    oidc: Site, provider: Provider, basic_only: bool
) -> None:
    """Whether the provider takes the client's secret in the header or in the form."""
    provider.basic_only = basic_only
    with visiting(oidc, "ann") as ann:
        answer = ann.come()
        assert answer.status_code == 200 and answer.url.path == "/hub/home", answer.text[:500]
        assert ann.api("GET", "/user").json()["name"] == "ann" and not ann.admin
        if not basic_only:
            return  # the hub has read the provider's document once, and keeps it for an hour
        started(ann)
        assert len(jobs(oidc, "alice")) == 1
        servers = environments("alice")
        assert {one["JUPYTERHUB_USER"] for one in servers} == {"ann"}
        assert {one["HOME"] for one in servers} == {pwd.getpwnam("alice").pw_dir}
        assert SECRET not in repr(servers) and "OAUTH" not in repr(servers)
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
        ("old", "this site does not admit this user"),
        ("word", "this site does not admit this user"),
        ("nobody", "no account on the cluster"),
        ("mallory", "an account of the system"),
        ("nameless", "did not tell this site your preferred_username"),
        ("number", "did not tell this site your preferred_username"),
        ("list", "did not tell this site your preferred_username"),
        ("nothing", "did not tell this site your preferred_username"),
        ("slash", "cannot be a user's name here"),
    ],
)
def test_who_is_refused_is_told_why(oidc: Site, who: str, why: str) -> None:
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
    assert not [token for token in (*provider.access, SECRET) if token in dumped]


def test_the_secret_is_in_one_file_of_roots(oidc: Site) -> None:
    file = oidc.etc / "hub.env"
    status = file.stat()
    assert file.read_text() == f"OAUTH_CLIENT_SECRET='{SECRET}'\n" and status.st_uid == 0
    assert not stat.S_IMODE(status.st_mode) & 0o027
    assert SECRET not in (oidc.etc / "site.yml").read_text()
    assert not Path("/etc/pam.d", f"sitekit-{oidc.name}").exists()


# --- the forms of the others -------------------------------------------------------------------------------------


def test_github(provider: Provider) -> None:
    """Also a user who shows no e-mail address, and one who is in a team only."""
    provider.people = {
        "ann": Known({"login": "Alice"}, {"example"}),
        "eve": Known({"login": "bob", "email": None}, {"lab:hpc"}),
        "old": Known({"login": "old"}, {"lab", "elsewhere"}),
        "odd": Known({"login": "alice?x=1"}, {"example"}),
    }
    people = {"organizations": ["example", "lab:hpc"]}
    admins = {"organizations": ["lab:hpc"]}
    with applied(provider, "github", allow=people, admins=admins) as site:
        with visiting(site, "ann", "alice") as ann, visiting(site, "eve", "bob") as eve:
            assert ann.come().status_code == 200 and not ann.admin
            assert eve.come().status_code == 200 and eve.admin
            started(ann)
            assert {one["JUPYTERHUB_USER"] for one in environments("alice")} == {"alice"}
            ann.stop_and_wait()
        assert "does not admit this user" in refusal(site, "old")
        assert "does not admit this user" in refusal(site, "odd")


def test_globus(provider: Provider) -> None:
    def group(status: str) -> list[dict[str, object]]:
        return [{"id": GROUP, "my_memberships": [{"status": status}]}]

    provider.people = {
        "ann": Known({"preferred_username": "alice@uni.example.org"}, groups=group("active")),
        "eve": Known({"preferred_username": "alice@evil.example.org"}, groups=group("active")),
        "guest": Known({"preferred_username": "bob@uni.example.org"}, groups=group("invited")),
        "silent": Known({"preferred_username": "bob@uni.example.org"}),
        "odd": Known({"preferred_username": "bob@uni.example.org"}, groups=[{"name": "x"}]),
    }
    people = {"domains": ["uni.example.org"], "groups": [GROUP]}
    with applied(provider, "globus", allow=people) as site:
        with visiting(site, "ann", "alice") as ann:
            assert ann.come().status_code == 200
            started(ann)
            assert "GLOBUS" not in repr(environments("alice"))
            ann.stop_and_wait()
            assert ann.http.get("/hub/logout").status_code == 200
        assert "for users of uni.example.org" in refusal(site, "eve")
        assert "does not admit this user" in refusal(site, "guest")
        assert "see your groups" in refusal(site, "silent")
        assert "does not understand" in refusal(site, "odd")


def test_cilogon(provider: Provider) -> None:
    provider.people = {
        "ann": Known({"idp": IDP, "eppn": "alice@uni.example.org"}),
        "eve": Known({"idp": "https://evil.example.org", "eppn": "alice@uni.example.org"}),
        "guest": Known({"idp": IDP, "eppn": "alice@evil.example.org"}),
        "lost": Known({"eppn": "alice@uni.example.org"}),
        "nameless": Known({"idp": IDP}),
    }
    idps, people = {"identity_providers": [IDP]}, {"domains": ["uni.example.org"]}
    with applied(provider, "cilogon", provider=idps, allow=people) as site:
        with visiting(site, "ann", "alice") as ann:
            assert ann.come().status_code == 200 and not ann.admin
            assert ann.api("GET", "/user").json()["name"] == "alice"
        assert "this site admits nobody" in refusal(site, "eve")
        assert "for users of uni.example.org" in refusal(site, "guest")
        assert "did not tell this site your idp" in refusal(site, "lost")
        assert "did not tell this site your eppn" in refusal(site, "nameless")


# --- one account for all -------------------------------------------------------------------------------------------


def test_all_share_one_account_and_have_folders_of_their_own(provider: Provider) -> None:
    provider.people = {
        who: Known({"login": who, "email": None}, {"example"}) for who in ("ann", "eve")
    }
    ways: dict[str, Any] = {"accounts": {"gateway": "bob"}, "allowed_groups": []}
    home = Path(pwd.getpwnam("bob").pw_dir, "participants")
    try:
        with applied(provider, "github", allow={"organizations": ["example"]}, **ways) as site:
            with visiting(site, "ann") as ann, visiting(site, "eve") as eve:
                for visitor in (ann, eve):
                    assert visitor.come().status_code == 200
                    started(visitor)
                assert len(jobs(site, "bob")) == 2
                homes = {one["JUPYTERHUB_USER"]: one["HOME"] for one in environments("bob")}
                assert homes == {who: str(home / who) for who in ("ann", "eve")}
                for visitor in (ann, eve):
                    visitor.stop_and_wait()
            rules = Path("/etc/sudoers.d", f"sitekit-{site.name}").read_text()
            assert "%jupyter-users" not in rules and "=(bob, !root" in rules
    finally:
        shutil.rmtree(home, ignore_errors=True)
