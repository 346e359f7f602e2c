"""Nobody comes in by a header, a link or somebody else's cookie; cookies and pages say what
browsers must not do."""

from __future__ import annotations

import http.cookies
import secrets
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from sitekit.contracts.internal_tls import client_context, hub_url

from ..conftest import Demo
from ..person import Person
from ..slurm import until
from .certificates import certificate_of
from .conftest import Server, call
from .hublog import end_of_log, logged
from .state import ANY, nothing_changes

FORGED = [
    {"REMOTE_USER": "carol"},
    {"Remote-User": "carol"},
    {"X-Remote-User": "carol"},
    {"X-Forwarded-User": "carol"},
    {"X-Forwarded-Preferred-Username": "carol"},
    {"X-Forwarded-Email": "carol@localhost"},
    {"X-Auth-Request-User": "carol"},
    {"X-Webauth-User": "carol"},
    {"X-Shib-User": "carol", "eppn": "carol", "uid": "carol"},
    {"X-SSL-Client-S-DN": "CN=carol", "SSL_CLIENT_S_DN_CN": "carol"},
    {"X-JupyterHub-User": "carol", "JupyterHub-User": "carol"},
    {
        "X-Forwarded-For": "127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "Forwarded": "for=127.0.0.1;by=carol",
    },
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "80"},
    {"X-Original-URL": "/hub/admin", "X-Rewrite-URL": "/hub/admin"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Authorization": "Basic Y2Fyb2w6"},
    {"Authorization": "token"},
    {"Authorization": "Bearer carol"},
    {"Authorization": "Negotiate Y2Fyb2w="},
    {"Cookie": "jupyterhub-hub-login=carol; jupyterhub-session-id=1; jupyterhub-user-carol=x"},
    {
        "Cookie": 'jupyterhub-hub-login="2|1:0|10:1600000000|20:jupyterhub-hub-login|8:Y2Fyb2w=|'
        + "0" * 64
        + '"'
    },
]


@pytest.mark.parametrize("headers", FORGED, ids=lambda headers: ", ".join(headers))
def test_a_forged_header_logs_nobody_in(demo: Demo, headers: dict[str, str]) -> None:
    """At the front, and behind it, where the hub and the proxy listen."""
    site = demo.site
    with nothing_changes(site):
        behind = {
            hub_url(site): client_context(site, "proxy"),
            f"https://127.0.0.1:{site.proxy.port}": client_context(site, "front"),
        }
        for base, verify in {site.front.url: ANY, **behind}.items():
            for path in ("/hub/home", "/hub/admin", "/hub/spawn", "/hub/token"):
                answer = call(base, "GET", path, headers=headers, verify=verify)
                assert (
                    answer.status_code == 302
                    and urlsplit(answer.headers["location"]).path == "/hub/login"
                )
                assert base != site.front.url or "evil.example" not in answer.headers["location"]
            for path in ("/hub/api/user", "/hub/api/users", "/hub/api/users/carol"):
                assert call(base, "GET", path, headers=headers, verify=verify).status_code == 403
            answer = call(
                base, "POST", "/hub/api/users/carol/server", headers=headers, json={}, verify=verify
            )
            assert answer.status_code == 403


@pytest.mark.parametrize("user", ["root", "carol", "../carol"])
def test_a_wrong_name_or_password_stays_out(demo: Demo, user: str) -> None:
    """PAM takes two seconds for each, one after the other."""
    password = "" if user in ("root", "carol") else demo.passwords["carol"]
    with Person(user, password, demo.site.front.url) as person:
        assert person.login().status_code in (400, 403)
        assert person.http.get("/hub/api/user").status_code == 403


# addresses of two clients; the site's services have 127.0.0.1
ELSEWHERE = [f"127.0.0.{number}" for number in (2, 3)]
CLAIMS = [{name: said for name in ("X-Forwarded-For", "X-Real-IP")} | {"Forwarded": f"for={said}"}
          for said in ("192.0.2.1", "127.0.0.1", ELSEWHERE[1])]  # fmt: skip


def client(base: str, address: str, verify: ssl.SSLContext = ANY, **more: object) -> httpx.Client:
    return httpx.Client(
        base_url=base,
        timeout=90,
        transport=httpx.HTTPTransport(verify=verify, local_address=address),
        **more,
    )


def test_who_guesses_at_a_name_keeps_its_owner_waiting_nowhere_else(demo: Demo) -> None:
    """Guesses from one address wait for each other, wherever they claim to come from. Meanwhile the
    owner logs in.

    The answers to the guesses are delayed by 1, 2, 4 and 8 seconds, one after the other. Therefore,
    the owner of a slow machine is answered before the last of them, too.
    """
    site, claimed = demo.site, [*CLAIMS, {}]

    def log_in(address: str, password: str, claims: dict[str, str]) -> httpx.Response:
        with demo.person("bob") as person:
            person.http = client(site.front.url, address, headers=claims, follow_redirects=True)
            return person.login(password)

    start = end_of_log(site)
    with ThreadPoolExecutor() as clients:
        guesses = [clients.submit(log_in, ELSEWHERE[0], "wrong", claims) for claims in claimed]
        until(lambda: b"PAM Authentication failed" in logged(site, start))
        assert log_in(ELSEWHERE[1], demo.passwords["bob"], CLAIMS[0]).url.path != "/hub/login"
        assert [guess.result().status_code for guess in guesses] == [403] * 4
    lines = logged(site, start).decode().splitlines()
    assert sum(f"('bob'@{ELSEWHERE[0]})" in line for line in lines) == 4, lines
    logins = [line for line in lines if "POST /hub/login" in line]
    owners = [f"@{ELSEWHERE[1]})" in line for line in logins]
    assert sorted(owners) == [False] * 4 + [True], logins
    assert not owners[-1], "the owner was answered after all guesses"


PAST_THE_FRONT = ["/", "/hub/login", "/hub/home", "/hub/oauth_callback", "/hub/logout", "/hub/nope", "/nope",
                  "/hub/api/oauth2/authorize"]  # fmt: skip


def test_the_hubs_port_answers_servers_no_page(
    demo: Demo, server: Server, idle: Person, tokens: dict[str, str | None]
) -> None:
    """Compute nodes want the REST API of it. To the rest the way leads through the front, with all
    its limits."""
    site, certified = demo.site, certificate_of(server)
    start = end_of_log(site)
    with (
        nothing_changes(site),
        client(hub_url(site), ELSEWHERE[0], certified, headers=CLAIMS[1]) as node,
    ):
        form = {"username": "bob", "password": demo.passwords["bob"]}
        for path in PAST_THE_FRONT:
            for answer in (node.get(path), node.post(path, data=form)):
                assert answer.status_code == 403 and f"Go to {site.front.url}" in answer.text, path
        assert node.get("/hub/health").status_code == 200
        assert node.get("/hub/api/").json()["version"]
        assert node.get("/hub/api/user").status_code == 403
        answer = node.get("/hub/api/user", headers={"Authorization": f"token {tokens['server']}"})
        assert answer.json()["name"] == "alice"
        assert (
            node.get(
                "/hub/metrics", headers={"Authorization": f"token {tokens['server']}"}
            ).status_code
            == 403
        )
    text = logged(site, start).decode()
    assert f"403 POST /hub/login (@{ELSEWHERE[0]})" in text and "PAM" not in text


@pytest.fixture
def outsider(admin: Person) -> Iterator[Person]:
    """An account of the machine with a password, in none of the site's groups."""
    name, password = "kit-outsider", secrets.token_urlsafe(12)
    subprocess.run(
        ["useradd", "--no-create-home", "--no-user-group", name], check=True, timeout=120
    )
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{password}", text=True, check=True, timeout=120)
        with Person(name, password, admin.base) as person:
            yield person
    finally:
        subprocess.run(["userdel", name], check=True, timeout=120)
        admin.api("DELETE", f"/users/{name}")


def test_a_right_password_is_not_enough(demo: Demo, outsider: Person) -> None:
    """Whoever is in none of the allowed groups stays out, until an administrator of the machine
    lets him in."""
    assert outsider.login().status_code == 403
    assert outsider.http.get("/hub/api/user").status_code == 403
    [group] = demo.site.login.allowed_groups
    subprocess.run(
        ["gpasswd", "--add", outsider.name, group], check=True, capture_output=True, timeout=120
    )
    outsider.login()
    assert outsider.http.get("/hub/api/user").json()["name"] == outsider.name


NEXT = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "https:evil.example",
    "/hub/../..//evil.example",
    "https://localhost:8443@evil.example/",
    "https://localhost:8443.evil.example/",
    "javascript:alert(1)",
    "/\t/evil.example/",
    "/%2f/evil.example/",
    " //evil.example",
]


@pytest.mark.parametrize("where", NEXT)
def test_login_sends_nobody_to_another_site(demo: Demo, owner: Person, where: str) -> None:
    """For one who is logged in the login page redirects at once."""
    answer = owner.http.get("/hub/login", params={"next": where}, follow_redirects=False)
    assert answer.status_code == 302
    target = answer.headers["location"].replace("\\", "/").replace("\t", "").strip()
    assert (
        urlsplit(urljoin(demo.site.front.url + "/hub/login", target)).netloc
        == urlsplit(demo.site.front.url).netloc
    )


def test_cookies_are_for_https_for_the_server_and_for_one_path(demo: Demo, server: Server) -> None:
    """All cookies that a login and the opening of a server set."""
    seen: dict[tuple[str, str], http.cookies.Morsel[str]] = {}

    def remember(answer: httpx.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            for name, morsel in http.cookies.SimpleCookie(line).items():
                if morsel.value:
                    seen[name, morsel["path"]] = morsel

    with demo.person("alice") as person:
        person.http.event_hooks["response"] = [remember]
        assert person.login().url.path != "/hub/login"
        assert person.lab().status_code == 200
    paths = {name: {path for other, path in seen if other == name} for name, _ in seen}
    assert paths["jupyterhub-hub-login"] == {"/hub/"}
    assert paths["jupyterhub-session-id"] == paths["__Host-sitekit-servers"] == {"/"}
    assert paths["jupyterhub-user-alice"] == {"/user/alice/"}
    assert paths["_xsrf"] <= {"/hub/", "/user/alice/"}
    known = {
        "jupyterhub-hub-login",
        "jupyterhub-session-id",
        "jupyterhub-user-alice",
        "_xsrf",
        "__Host-sitekit-servers",
    }
    assert set(paths) <= known | {
        name for name in paths if name.startswith("jupyterhub-user-alice-oauth-state")
    }
    for cookie, morsel in seen.items():
        assert morsel["secure"] and not morsel["domain"], cookie
        assert morsel["samesite"].lower() in ("lax", "strict"), cookie
        # JupyterLab's pages read that one
        assert morsel["httponly"] or cookie[0] == "_xsrf", cookie


def test_a_stolen_server_cookie_is_worth_nothing_elsewhere(demo: Demo, server: Server) -> None:
    """What alice's server sees of her browser opens neither the hub nor anybody else's server."""
    sent = [
        cookie for cookie in server.person.http.cookies.jar if cookie.path in ("/", server.base)
    ]
    header = "; ".join(f"{cookie.name}={cookie.value}" for cookie in sent)
    assert "jupyterhub-user-alice" in header and "hub-login" not in header
    base = demo.site.front.url
    assert call(base, "GET", "/hub/api/user", headers={"Cookie": header}).status_code == 403
    assert call(base, "GET", "/hub/home", headers={"Cookie": header}).status_code == 302
    renamed = header.replace("jupyterhub-user-alice", "jupyterhub-hub-login")
    assert call(base, "GET", "/hub/api/user", headers={"Cookie": renamed}).status_code == 403


PAGES = ["/hub/login", "/hub/home", "/hub/spawn", "/hub/token", "/hub/admin", "/hub/nope", "/hub/error",
         "/hub/api/", "/hub/api/user", "/hub/api/users/nope", "/user/bob/", "/user/alice/lab",
         "/user/alice/api/status", "/user/alice/nope"]  # fmt: skip


FILES = ["/hub/logo", "/hub/static/css/style.min.css"]


@pytest.mark.parametrize("path", PAGES + FILES)
def test_no_other_site_may_frame_a_page(demo: Demo, server: Server, path: str) -> None:
    answer = server.person.http.get(path)
    policy = answer.headers.get("content-security-policy", "")
    assert "frame-ancestors 'self'" in policy or "frame-ancestors 'none'" in policy or path in FILES
    assert set(answer.headers["x-frame-options"].upper().split(", ")) <= {"SAMEORIGIN", "DENY"}
    assert set(answer.headers["x-content-type-options"].split(", ")) == {"nosniff"}
    assert "max-age" in answer.headers["strict-transport-security"]
    assert "access-control-allow-origin" not in answer.headers
    hubs = answer.url.path.startswith("/hub/") and path not in FILES
    assert answer.headers.get("cache-control") == "no-store" or not hubs, (
        "secrets stay in the browser's cache"
    )
    assert not {"x-powered-by", "x-jupyterhub-version"} & {name.lower() for name in answer.headers}
    assert answer.headers["server"] == "Apache"


ORIGINS = ["https://evil.example", "null", "https://localhost:8443.evil.example"]
CONTENTS = ["application/json", "text/plain", "application/x-www-form-urlencoded"]


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_another_site_cannot_use_a_session(
    demo: Demo, server: Server, origin: str
) -> None:
    """With alice's cookies, as her browser would send them, but without what only the hub's pages
    know.

    Her browser has another address each time: a request for tokens counts as a failed login, and
    the next one from the same address would be answered later.
    """
    sent = {
        "Origin": origin,
        "Referer": f"{origin}/",
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "cors",
    }
    with nothing_changes(demo.site):
        for number, content in enumerate(CONTENTS):
            address = f"127.0.{ORIGINS.index(origin) + 1}.{number + 1}"
            headers = {**sent, "Content-Type": content}
            cookies = server.person.http.cookies
            with client(demo.site.front.url, address, headers=headers, cookies=cookies) as http:
                for method, path in [
                    ("DELETE", "/hub/api/users/alice/server"),
                    ("POST", "/hub/api/users/alice/tokens"),
                    ("POST", "/hub/api/users/alice/servers/x"),
                    ("POST", "/user/alice/api/kernels"),
                    ("POST", "/user/alice/api/terminals"),
                    ("POST", "/user/alice/api/shutdown"),
                ]:
                    answer = http.request(method, path, content="{}")
                    assert answer.status_code == 403, (method, path, content)
    assert server.person.server() is not None
