"""`login.method: front`: Apache identifies users, here with passwords of its own, and the hub believes
nobody else."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sitekit.contracts.front_login import HEADERS, PAGE, web_server_file
from sitekit.contracts.internal_tls import certificate_and_key, client_context, hub_url
from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.site import Site

from ..applied import applied
from ..conftest import Demo
from ..person import Person
from ..processes import processes
from ..slurm import jobs
from .oauth import passwords

USER, PROOF = HEADERS["user"], HEADERS["proof"]
LOGIN = f"/hub{PAGE}"
DIRECTIVES = """AuthType Basic
AuthName "Example University"
AuthBasicProvider file
AuthUserFile {folder}/users
Require valid-user
"""
PEOPLE = ("alice", "Bob@uni.example.org", "nobody-here", "daemon", "carol")


class Campus(Person):
    """Somebody whom Apache knows."""

    def __init__(self, who: str, site: Site) -> None:
        super().__init__(who, "secret", site.front.url)
        self.http.auth = (who, "secret")

    def come(self) -> httpx.Response:
        return self.http.get("/hub/login", params={"next": "/hub/home"})


def hashed(password: str) -> str:
    words = ["openssl", "passwd", "-apr1", password]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def campus(demo: Demo) -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(dir="/var/lib", prefix="sitekit-test-"))
    folder.chmod(0o755)
    (folder / "users").write_text("".join(f"{who}:{hashed('secret')}\n" for who in PEOPLE))
    (folder / "login.conf").write_text(DIRECTIVES.format(folder=folder))
    login = {
        "method": "front",
        "directives": str(folder / "login.conf"),
        "modules": ["auth_basic", "authn_file"],
        "admin_groups": [],
        "admins": {"users": ["carol"]},
    }
    try:
        with applied(login=login) as site:
            yield site
    finally:
        shutil.rmtree(folder)
        url = demo_site(which_supervisor()).front.url
        with Person("carol", passwords()["carol"], url) as carol:
            carol.login()
            for who in PEOPLE:
                carol.api("DELETE", f"/users/{who}")


def secret_of(site: Site) -> str:
    return web_server_file(site).read_text().split('"')[1]


def test_a_user_of_the_front_gets_a_server(campus: Site) -> None:
    with Campus("alice", campus) as alice:
        answer = alice.come()
        assert answer.status_code == 200 and answer.url.path == "/hub/home", answer.text[:500]
        told = alice.api("GET", "/user").json()
        assert told["name"] == "alice" and not told["admin"]
        assert alice.start("small")[-1].get("ready")
        assert len(jobs(campus, "alice")) == 1
        assert alice.lab().status_code == 200
        alice.stop_and_wait()
        with Campus("alice", campus) as other:
            other.come()
            alice.http.get("/hub/logout")
            assert other.api("GET", "/user").status_code == 403
    with Campus("carol", campus) as carol:
        assert carol.come().status_code == 200 and carol.api("GET", "/user").json()["admin"]


def test_the_secret_is_in_two_files(campus: Site) -> None:
    secret = secret_of(campus)
    for path in (web_server_file(campus), campus.etc / "hub.env"):
        status = path.stat()
        assert secret in path.read_text() and status.st_uid == 0 and not status.st_mode & 0o007
    assert secret not in (campus.etc / "site.yml").read_text()
    assert secret not in (campus.etc / "apache.conf").read_text()


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("Bob@uni.example.org", "it is no name of an account"),
        ("nobody-here", "there is no such account"),
        ("daemon", "an account of the system"),
    ],
)
def test_who_is_refused_is_told_why(campus: Site, who: str, why: str) -> None:
    with Campus(who, campus) as person:
        answer = person.come()
        assert answer.status_code == 403 and why in answer.text
        assert person.api("GET", "/user").status_code == 403


@pytest.mark.parametrize(
    "name", [USER, PROOF, USER.lower(), USER.replace("-", "_"), "Remote-User", "X-Forwarded-User"]
)
@pytest.mark.parametrize("path", [LOGIN, "/hub/login", f"/hub/..{LOGIN}", f"/{LOGIN}"])
def test_a_browser_names_nobody(campus: Site, name: str, path: str) -> None:
    """Neither without a login at the front, nor as somebody else."""
    forged = {name: "carol" if name != PROOF else secret_of(campus)}
    with Campus("alice", campus) as alice, Person("x", "", campus.front.url) as stranger:
        for person, allowed in ((stranger, ()), (alice, ("alice",))):
            person.http.get(path, headers=forged)
            told = person.api("GET", "/user")
            assert told.status_code == 403 or told.json()["name"] in allowed


def test_passwords_of_others_are_no_way_in(campus: Site) -> None:
    with Person("alice", "", campus.front.url) as alice:
        assert alice.http.get(LOGIN).status_code == 401
        alice.http.auth = ("alice", "wrong")
        assert alice.http.get(LOGIN).status_code == 401
    with Campus("alice", campus) as alice:
        alice.http.auth = None
        sent = {"username": "carol", "password": "secret", "_xsrf": alice.xsrf()}
        assert alice.http.post("/hub/login", data=sent).status_code == 403
        body = {"auth": {"username": "carol", "password": "secret"}}
        assert alice.api("POST", "/users/carol/tokens", body).status_code in (400, 403)


def test_another_account_of_this_machine_reaches_neither_port(campus: Site) -> None:
    """bob can connect to the ports of proxy and hub, and has no certificate of the front's."""
    bob = pwd.getpwnam("bob")
    for port in (campus.proxy.port, campus.hub.port):
        for scheme in ("http", "https"):
            url = f"{scheme}://127.0.0.1:{port}{LOGIN}"
            sent = ["-H", f"{USER}: carol", "-H", f"{PROOF}: {secret_of(campus)}"]
            words = ["curl", "-sk", "-o", "-", "-w", "%{http_code}", *sent, url]
            done = subprocess.run(
                words, capture_output=True, text=True, user=bob.pw_uid, group=bob.pw_gid,
                extra_groups=[],
            )  # fmt: skip
            assert done.stdout == "000", (port, scheme, done.stdout)
    for path in (
        web_server_file(campus),
        campus.etc / "hub.env",
        certificate_and_key(campus, "front"),
    ):
        words = ["setpriv", f"--reuid={bob.pw_uid}", f"--regid={bob.pw_gid}", "--clear-groups"]
        assert subprocess.run([*words, "cat", path], capture_output=True).returncode, path


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({USER: "carol"}, "did not come from"),
        ({USER: "carol", PROOF: "0" * 64}, "did not come from"),
        ({PROOF: "right"}, "did not return your name"),
        ({USER: "", PROOF: "right"}, "did not return your name"),
    ],
)
def test_a_name_without_the_secret_is_refused_even_from_the_proxy(
    campus: Site, sent: dict[str, str], why: str
) -> None:
    """Whoever got a request past the front, and has the proxy's certificate."""
    real = {key: secret_of(campus) if value == "right" else value for key, value in sent.items()}
    answer = httpx.get(
        f"{hub_url(campus)}{LOGIN}",
        headers=real,
        verify=client_context(campus, "proxy"),
        timeout=90,
    )
    assert answer.status_code == 403 and why in answer.text
    assert not answer.headers.get("set-cookie", "").count("jupyterhub-hub-login")


def test_a_user_who_leaves_the_group_starts_no_server(campus: Site) -> None:
    [group] = campus.login.allowed_groups
    with Campus("alice", campus) as alice:
        assert alice.come().status_code == 200
        subprocess.run(["gpasswd", "--delete", "alice", group], check=True, capture_output=True)
        try:
            assert alice.api("POST", "/users/alice/server", {"tier": "small"}).status_code == 403
            with Campus("alice", campus) as again:
                assert "may not use this site" in again.come().text
            assert not jobs(campus, "alice")
        finally:
            subprocess.run(["gpasswd", "--add", "alice", group], check=True, capture_output=True)
        assert alice.come().status_code == 200


def test_the_secret_is_no_variable_of_the_hubs_children(campus: Site) -> None:
    secret = secret_of(campus).encode()
    hub = pwd.getpwnam(campus.hub.user).pw_uid
    for folder in processes():
        try:
            if (
                folder.stat().st_uid == hub
                and b"jupyterhub_config" not in (folder / "cmdline").read_bytes()
            ):
                assert secret not in (folder / "environ").read_bytes(), folder
        except (FileNotFoundError, ProcessLookupError):
            continue
    assert secret.decode() not in os.environ.values()
