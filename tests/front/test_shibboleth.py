"""Shibboleth in front of the hub, with a real mod_shib, shibd and identity provider."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sitekit.site.show import dump

from ..conftest import CHECKOUT
from .conftest import bare, install
from .elsewhere import Elsewhere, elsewhere
from .saml import PASSWORD, USER, identity_provider, service_provider

CONF = "/etc/sitekit/shib/apache.conf"
# each run of `make test` logs in this way to the site triton, in tests/systemd
pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """Where a site for which the test comes from outside serves as https://hub.test."""
    install("libapache2-mod-shib", "simplesamlphp", "php-cli", "php-xml", "php-mbstring")
    folder = tmp_path_factory.mktemp("shibboleth")
    (folder / "overlay").mkdir()
    front = {
        "url": "https://hub.test",
        "outside": {"inside": ["192.0.2.0/24"], "method": "shibboleth"},
    }
    site = bare("shib", front)
    (folder / "site.yml").write_text(dump(site))
    with ExitStack() as stack:
        place = stack.enter_context(elsewhere(folder / "overlay"))
        place.run("groupadd", "-f", "jupyter-users")
        place.kit("apply", folder / "site.yml")
        place.run("mkdir", "-p", "/run/sitekit/shib/apache")
        idp = identity_provider(place, folder / "idp", "hub.test")
        variables = {"SIMPLESAMLPHP_CONFIG_DIR": str(folder / "idp")}
        stack.enter_context(place.up(*idp, until="curl -s http://idp.test:9200/", **variables))
        service_provider(place, "hub.test")
        # in the test shibd runs as root: its socket has to be open to Apache's account
        shibd = "umask 0; exec shibd -f -F -c /etc/shibboleth/shibboleth2.xml"
        stack.enter_context(place.up("sh", "-c", shibd, until="test -S /run/shibboleth/shibd.sock"))
        echo = (sys.executable, CHECKOUT / "tests/front/echo.py", site.proxy.port)
        stack.enter_context(place.up(*echo, until=f"curl -s http://127.0.0.1:{site.proxy.port}/"))
        stack.enter_context(
            place.up("apache2", "-f", CONF, "-D", "FOREGROUND", until="curl -sk https://hub.test/")
        )
        yield place


def login(place: Elsewhere, password: str) -> dict:
    program = CHECKOUT / "tests/front/saml_login.py"
    return json.loads(place.run(sys.executable, program, "https://hub.test", USER, password).stdout)


def test_an_outsider_logs_in_with_the_organisation_first(place: Elsewhere) -> None:
    shown = login(place, PASSWORD)
    assert shown["asked by"] == "idp.test"
    assert shown["seen"]["path"] == "/hub/login", "and then sees the hub's own login page"
    assert any(name.startswith("_shibsession") for name in shown["cookies"])
    for told in (shown["seen"], shown["again"]):
        assert not [
            word
            for word in ("shib", "dave", "campus", "remote", "eppn", "root")
            if word in str(told).lower()
        ]
    assert shown["again"]["headers"]["cookie"].strip("; ") == "_xsrf=kept"
    assert shown["forged"] == 400


def test_a_wrong_password_is_refused_there(place: Elsewhere) -> None:
    shown = login(place, "wrong")
    assert shown["refused"] and shown["still out"] == "idp.test"


@pytest.mark.parametrize(
    "path", ["/", "/hub/login", "/hub/api", "/user/dave/lab", "/Shibboleth.sso/Session"]
)
def test_nothing_of_the_hub_is_there_without_a_login(place: Elsewhere, path: str) -> None:
    for header in (
        "A: b",
        "Authorization: token x",
        "Cookie: _shibsession_x=y",
        "X-Remote-User: root",
    ):
        assert (
            '"path"' not in place.run("curl", "-sk", "-H", header, f"https://hub.test{path}").stdout
        )
