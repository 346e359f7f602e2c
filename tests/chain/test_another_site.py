"""Another site on the demo's machine, with what the demo leaves out: a second factor, and a name
for each user."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sitekit.site import Site
from sitekit.site.show import dump

from ..conftest import CHECKOUT, Demo
from ..front.conftest import install
from ..front.elsewhere import Elsewhere, elsewhere
from ..ports import free_port
from ..prowl import holders, may, secrets_of

# As docs/login.md tells an administrator to do it.
ENROL = (
    "google-authenticator --time-based --disallow-reuse --force --no-confirm --rate-limit=3 --rate-time=30"
    " --window-size=3 --label=alice --issuer=Demo --quiet --secret=/var/lib/sitekit/another/totp/alice"
)


@dataclass(frozen=True)
class Another:
    """The site, up, in a place of its own; the people and the release are the demo's."""

    site: Site
    file: Path
    place: Elsewhere

    def browser(self, *words: object) -> dict:
        """What a browser there finds: see another_browser.py."""
        program = CHECKOUT / "tests/chain/another_browser.py"
        return json.loads(
            self.place.run(sys.executable, program, self.site.front.url, *words).stdout
        )


@pytest.fixture(scope="module")
def another(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Another]:
    install("libpam-google-authenticator", "oathtool")
    folder = tmp_path_factory.mktemp("another")
    values = demo.site.model_dump(mode="json")
    values |= {"name": "another", "supervisor": "supervisord"}
    values["paths"]["state"] = "/var/lib/sitekit/another"
    values["hub"]["port"], values["proxy"]["port"], values["proxy"]["api_port"] = (
        18181,
        18100,
        18101,
    )
    values["login"]["second_factor"] = "totp"
    values["front"] |= {"url": f"https://hub.test:{free_port()}", "subdomains": True}
    site, file = Site.model_validate(values), folder / "site.yml"
    file.write_text(dump(site))
    (folder / "overlay").mkdir()
    with elsewhere(folder / "overlay") as place:
        place.run("sh", "-c", "echo 127.0.0.1 hub.test alice.hub.test >>/etc/hosts")
        place.kit("apply", file)
        # A failure costs a second, the next one two; who left the groups is found out after five
        # minutes. Not here.
        quick = (
            "from sitekit.hub.login import rate_limit; rate_limit.DELAY = 0.01; "
            "c.Authenticator.auth_refresh_age = 1"
        )
        place.run("sh", "-c", f"echo '{quick}' >/etc/sitekit/another/local.d/quick.py")
        try:
            place.kit("start", file)
            yield Another(site, file, place)
        finally:
            place.kit("stop", file)


def enrol(another: Another) -> str:
    """Give alice a fresh secret, and return it: her app shows a new code of it every 30 seconds."""
    hub, secret = another.site.hub.user, another.site.totp / "alice"
    another.place.run(
        "setpriv", f"--reuid={hub}", f"--regid={hub}", "--init-groups", *ENROL.split()
    )
    return another.place.run("head", "-1", secret).stdout.strip()


def test_password_and_code_together_let_in(another: Another, demo: Demo) -> None:
    key, right = enrol(another), demo.passwords["alice"]
    attempts = {
        "wrong code": ("alice", right, f"wrong:{key}"),
        "no code": ("alice", right, ""),
        "wrong password": ("alice", "wrong", f"right:{key}"),
        "not enrolled": ("bob", demo.passwords["bob"], f"right:{key}"),
        "both": ("alice", right, f"right:{key}"),
        "the same code again": ("alice", right, "again"),
    }
    shown = another.browser("attempts", json.dumps(attempts))
    assert {name: bool(found) for name, found in shown.items()} == {
        name: name == "both" for name in attempts
    }
    assert "__Host-jupyterhub-hub-login" in shown["both"], "which no other name can set"
    folder = another.place.run("stat", "-c", "%a %U", another.site.totp).stdout
    assert folder == f"700 {another.site.hub.user}\n"


def test_the_second_factors_are_the_hubs_alone(another: Another) -> None:
    """Not even their owners read them: who has the password must not find the other half on the
    machine."""
    enrol(another)
    secrets = secrets_of(another.site, another.place)
    held = holders(
        another.place,
        secrets,
        map(Path, ("/etc", "/run", "/usr/local", "/var/lib/sitekit", "/var/log")),
        0,
    )
    assert "second factor of alice" in held[another.site.totp / "alice"]
    for user in ("alice", "bob", "www-data"):
        assert may(another.place, user, "R_OK", held) == set()


def test_each_user_has_a_name_of_her_own(another: Another) -> None:
    """The name leads to the hub, on the hub's own name, as long as no server runs there."""
    port = another.site.front.port
    shown = another.browser("visit", f"https://alice.hub.test:{port}/user/alice/lab")
    assert shown["host"] == "hub.test" and shown["path"] == "/hub/login"
    assert f"form-action 'self' https://*.hub.test:{port}" in shown["policy"]
    shown = another.place.run(
        "sh", "-c", f"openssl s_client -connect hub.test:{port} </dev/null | openssl x509 -text"
    )
    assert "DNS:hub.test, DNS:*.hub.test" in shown.stdout


def test_who_leaves_the_groups_is_logged_out_and_administers_no_more(
    another: Another, demo: Demo
) -> None:
    """Within minutes, by page and by token; to administer no more nobody has to log in again."""
    words = ["alice", demo.passwords["alice"], f"right:{enrol(another)}"]
    found = another.browser("leave", json.dumps(words))
    assert found == [["/hub/home", 200, 200], ["/hub/home", 403, 403], ["/hub/login", 200, 403]]


def test_maintenance_is_switched_by_a_command(another: Another) -> None:
    def page() -> dict:
        return another.browser("visit", f"{another.site.front.url}/hub/login")

    another.place.kit("maintenance_on", another.file)
    shown = page()
    assert shown["status"] == 503 and "maintenance" in shown["text"]
    another.place.kit("apply", another.file)
    assert page()["status"] == 503, "make apply does not open a site that is closed"
    another.place.kit("maintenance_off", another.file)
    assert page()["status"] == 200
