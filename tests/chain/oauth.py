"""Somebody who logs in at a provider, and the demo with such logins."""

from __future__ import annotations

import html
import json
import pwd
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sitekit.demo.cluster.paths_and_ports import PASSWORDS, demo_site
from sitekit.machine.apply.commands import apply
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.site import Site

from ..applied import applied as settings_applied
from ..conftest import Demo
from ..person import Person
from ..ports import free_port
from ..processes import processes
from .provider import CLIENT, SECRET, Provider, providing

GROUP = "0f8fad5b-d9cb-469f-a165-70867728950e"
PATIENT = "from sitekit.hub.login import at_provider; at_provider.ASK_TIMEOUT = 60\n"
"""The hub's pages wait for the provider for five seconds, which a busy machine may need."""
CAME = ("ann", "eve", "old", "mallory", "nobody", "word")


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
    # on the machine alone: the checkout's own folder is read by other tests meanwhile
    extra = demo.site.etc / "local.d" / "zz_provider.py"
    made = Provider(free_port(), folder)
    try:
        made.make_certificate()
        (folder / "secret").write_text(SECRET + "\n")
        (folder / "secret").chmod(0o600)
        trusts = {"ca_certs": str(made.certificate)}
        extra.write_text(f"c.OAuthenticator.http_request_kwargs = {trusts!r}\n{PATIENT}")
        with providing(made):
            yield made
    finally:
        extra.unlink(missing_ok=True)
        shutil.rmtree(folder)
        assert apply(demo_site(which_supervisor())) == 0


@contextmanager
def applied(provider: Provider, method: str, **login: Any) -> Iterator[Site]:
    """The demo with logins at the provider, by `make apply`; afterwards as it was."""
    client = {"client_id": CLIENT, "client_secret": str(provider.folder / "secret")}
    client |= {"url": provider.url, **login.pop("client", {})}
    keys = {"method": method, "admin_groups": [], "provider": client, **login}
    try:
        with settings_applied(login=keys) as changed:
            yield changed
    finally:
        with Person(
            "carol", passwords()["carol"], demo_site(which_supervisor()).front.url
        ) as carol:
            carol.login()
            for user in CAME:
                carol.api("DELETE", f"/users/{user}")


def passwords() -> dict[str, str]:
    """The demo's."""
    return json.loads(PASSWORDS.read_text())


def environments(account: str) -> list[dict[str, str]]:
    """The environments of all processes of an account that belong to a server."""
    found, uid = [], pwd.getpwnam(account).pw_uid
    for folder in processes():
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
