"""Certificates from a real ACME server (pebble, Let's Encrypt's own for tests): issue and renewal,
by both ways."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from machine_sites import shipped

from sitekit.site import Site
from sitekit.site.show import dump

from ..slurm import until
from .conftest import bare, install
from .elsewhere import Elsewhere, elsewhere

HOST = "hub.test"
DIRECTORY = "https://localhost:14000/dir"


def kinds(kind: str, front: dict[str, object]) -> Site:
    """The site workshop-vm for nginx, whose own way to a certificate this is; for Apache a bare one."""
    if kind == "apache":
        return bare("acme", front)
    values = shipped("workshop-vm").model_dump(mode="json")
    values |= {"name": "acme", "supervisor": "supervisord"}
    values["paths"] |= {"prefix": "/opt/sitekit/none", "state": "/var/lib/sitekit/acme"}
    values["front"] |= front
    values["tiers"] = [tier | {"cpus": 1, "memory": "300M"} for tier in values["tiers"]]
    return Site.model_validate(values)


@dataclass(frozen=True)
class Authority:
    """The place with the ACME server in it. `trust` is the certificate by which it is known."""

    place: Elsewhere
    trust: Path

    def site(self, kind: str, folder: Path) -> Path:
        """A site file for this authority; what `make apply` makes of it is in the place."""
        front = {"url": f"https://{HOST}", "server": kind, "certificate": "acme"}
        acme = {"contact": "admins@hub.test", "directory": DIRECTORY}
        path = folder / "site.yml"
        path.write_text(dump(kinds(kind, front | {"acme": acme})))
        for group in ("training", "instructors"):
            self.place.run("groupadd", "-f", group)
        self.place.kit("apply", path)
        self.place.run("mkdir", "-p", f"/run/sitekit/acme/{kind}")  # which the supervisor would do
        return path

    def shown(self) -> dict[str, str]:
        """What the web server shows: the certificate's issuer, serial number and names; nothing
        while it reloads."""
        ask = f"openssl s_client -connect 127.0.0.1:443 -servername {HOST} </dev/null 2>/dev/null"
        read = "openssl x509 -noout -issuer -serial -ext subjectAltName"
        told = self.place.run("sh", "-c", f"{ask} | {read}", check=False).stdout
        return dict(re.findall("(issuer|serial|DNS)[=:](.*)", told))

    def comes(self, old: str, reload: str) -> dict[str, str]:
        """What is shown once it is pebble's and another one than `old`; `reload` is run meanwhile."""
        for _ in range(300):
            shown = self.shown()
            if "Pebble" in shown.get("issuer", "") and shown["serial"] != old:
                return shown
            time.sleep(0.5)
            self.place.run("sh", "-c", reload, check=False)
        log = self.place.run("sh", "-c", "cat /var/log/sitekit/acme/*").stdout
        raise AssertionError(f"no new certificate: {shown}\n{log}")


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    install("pebble", "certbot", "apache2-bin", "nginx-light")
    overlay, files = tmp_path / "overlay", tmp_path / "pebble"
    overlay.mkdir()
    files.mkdir()
    own = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=pebble",
    ]
    with ExitStack() as stack:
        place = stack.enter_context(elsewhere(overlay))
        place.run(
            *own,
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            files / "key",
            "-out",
            files / "cert",
        )
        settings = {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
                    "certificate": str(files / "cert"), "privateKey": str(files / "key"), "httpPort": 80,
                    "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": False}  # fmt: skip
        (files / "config.json").write_text(json.dumps({"pebble": settings}))
        place.run("sh", "-c", "cat $0 >>/etc/ssl/certs/ca-certificates.crt", files / "cert")
        place.run("groupadd", "-f", "jupyter-users")
        names = (
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
        )
        stack.enter_context(place.up("pebble-challtestsrv", *names))
        quick = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        pebble = ("pebble", "-config", files / "config.json", "-dnsserver", "127.0.0.1:8053")
        serves = f"curl -fsS --cacert {files / 'cert'} {DIRECTORY}"
        stack.enter_context(place.up(*pebble, until=serves, **quick))
        yield Authority(place, files / "cert")


LISTENS = "openssl s_client -connect 127.0.0.1:443 </dev/null"


def test_certbot_gets_and_renews_the_certificate_of_nginx(
    authority: Authority, tmp_path: Path
) -> None:
    """The hook that `make certificate` gave to certbot brings each new one into use."""
    site = authority.site("nginx", tmp_path)
    trust = {"REQUESTS_CA_BUNDLE": str(authority.trust)}
    with authority.place.up("nginx", "-c", "/etc/sitekit/acme/nginx.conf", until=LISTENS):
        assert "Pebble" not in authority.shown()["issuer"], (
            "before there is one, a self-signed one serves"
        )
        authority.place.kit("certificate", site, **trust)
        first = authority.comes("", "true")
        assert first["DNS"] == HOST
        renew = ("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
        authority.place.run("env", f"REQUESTS_CA_BUNDLE={authority.trust}", *renew)
        second = authority.comes(first["serial"], "true")
        authority.place.kit("apply", site)
        # make apply keeps what was issued; nothing is shown while it reloads
        until(lambda: authority.shown() == second)


# Apache says when there is something to take into use; then it is reloaded, as the rotation of its
# logs would do.
READY = "cd /run/sitekit/acme/apache; log=/var/log/sitekit/acme/apache-error.log; grep -q 'will be activated' $log"
RELOAD = f"{READY} && mv $log $log.1 && kill -USR1 $(cat apache.pid)"


def test_mod_md_gets_and_renews_the_certificate_of_apache(
    authority: Authority, tmp_path: Path
) -> None:
    authority.site("apache", tmp_path)
    conf = "/etc/sitekit/acme/apache.conf"
    with authority.place.up("apache2", "-f", conf, "-D", "FOREGROUND", until=LISTENS):
        first = authority.comes("", RELOAD)
        assert first["DNS"] == HOST
        # The next one is due when a third of the time is left; here, at once.
        authority.place.run("sh", "-c", f"echo MDRenewWindow 5000d >>{conf}")
        authority.place.run("sh", "-c", "kill -USR1 $(cat /run/sitekit/acme/apache/apache.pid)")
        authority.comes(first["serial"], RELOAD)
