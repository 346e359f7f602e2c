"""The site in the machine's own Apache or nginx, which serves another site before, meanwhile and afterwards."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sitekit.show import dump

from .conftest import bare, install
from .elsewhere import Elsewhere, elsewhere

HOST = "hub.test"
# Everything below /etc: kind, path, mode, owner, where it points, and the hashes of the contents.
ETC = "find /etc -printf '%y %p %m %U %G %l\n' | sort; find /etc -type f -exec sha256sum {} + | sort"
# As `make apply`, without its patience.
APPLY = """
import sys
from sitekit.cli import main
from sitekit.fronts import webserver
webserver.ANSWER_SECONDS = 0.5
sys.exit(main(["apply"]))
"""


@dataclass
class Machine:
    """A place in which the distribution's web server runs with a page of its own on port 80."""

    place: Elsewhere
    kind: str
    folder: Path

    def kit(self, command: str, code: int = 0, **front: object) -> str:
        """What it says; `code` is how it ends."""
        keys = {"url": f"https://{HOST}", "instance": "system", "server": self.kind, **front}
        site = self.folder / "site.yml"
        site.write_text(dump(bare("shared", keys)))
        words = ("-c", APPLY) if code and command == "apply" else ("-m", "sitekit", command)
        environment = {"SITE": str(site), "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        done = self.place.run(sys.executable, *words, env=environment, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def etc(self) -> str:
        return self.place.run("sh", "-c", ETC).stdout

    def write(self, path: str, text: str) -> None:
        self.place.run("tee", path, input=text)

    def others(self) -> str:
        """What the other site says."""
        return self.place.run("curl", "-sS", "-m", "5", "http://127.0.0.1/", check=False).stdout

    def hub(self) -> str:
        """The answer of the site's virtual host, which is in the log of this site alone. There is no hub behind it."""
        ask = ["curl", "-ksS", "-m", "5", "-D", "-", "--resolve", f"{HOST}:443:127.0.0.1", f"https://{HOST}/hub/login"]
        return self.place.run(*ask, check=False).stdout

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """What the other site did not answer while this lasts, asked again and again."""
        missed, over = [], threading.Event()

        def look() -> None:
            while not over.is_set():
                if "others" not in self.others():
                    missed.append(time.strftime("%X"))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield missed
        finally:
            over.set()
            watcher.join()


@contextmanager
def shared(kind: str, folder: Path) -> Iterator[Machine]:
    own = folder / "own"
    own.mkdir()
    with elsewhere(own, "var run usr/local") as place:
        # A copy of /etc, so that nobody else changes it meanwhile.
        place.run("sh", "-c", 'cp -a /etc "$0" && mount --bind "$0/etc" /etc', own)
        machine = Machine(place, kind, folder)
        place.run("groupadd", "-f", "jupyter-users")
        machine.write("/var/www/html/index.html", "others")
        start, pid = (
            ("apache2ctl start", "/run/apache2/apache2.pid") if kind == "apache" else ("nginx", "/run/nginx.pid")
        )
        place.run("sh", "-c", start)
        try:
            assert "others" in machine.others()
            yield machine
        finally:
            place.run("sh", "-c", 'kill $(cat "$0")', pid, check=False)


@pytest.fixture
def apache(tmp_path: Path) -> Iterator[Machine]:
    install("apache2", "curl", "openssl")
    with shared("apache", tmp_path) as machine:
        yield machine


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Machine]:
    install("nginx-light", "curl", "openssl")
    with shared("nginx", tmp_path) as machine:
        yield machine


def test_apply_takes_the_site_into_use_and_uninstall_out_of_it(apache: Machine) -> None:
    before = apache.etc
    shown = apache.kit("diff", code=1)
    assert "new link        /etc/apache2/mods-enabled/ssl.load -> ../mods-available/ssl.load: a module" in shown
    assert "    restart         apache2\n" in shown, "for modules that it did not have"
    apache.kit("apply")
    assert "content-security-policy: default-src 'self'" in apache.hub().lower() and "503" in apache.hub()
    assert "apache2                          running" in apache.kit("status", code=1), "though the hub does not"
    assert "others" in apache.others()
    with apache.watched() as missed:
        assert "ok reload apache2" in apache.kit("apply", maintenance_allow=["10.0.0.0/8"])
    assert missed == []
    apache.kit("uninstall")
    assert apache.etc == before
    assert "others" in apache.others() and apache.hub() == ""


def test_one_that_listens_on_the_address_of_the_name_alone_takes_it_in(apache: Machine) -> None:
    apache.place.run("sh", "-c", f"echo 127.0.0.5 {HOST} >>/etc/hosts")
    apache.write("/etc/apache2/ports.conf", "Listen 80\n<IfModule ssl_module>\nListen 127.0.0.5:443\n</IfModule>\n")
    assert "ok restart apache2" in apache.kit("apply")


TLS = "SSLEngine on\nSSLCertificateFile /etc/own.pem\nSSLCertificateKeyFile /etc/own.key\n"
SPOILED = {
    "does not hand https://hub.test to this site": f"<VirtualHost *:443>\nServerName {HOST}\n{TLS}</VirtualHost>",
    "apache2ctl start: ended with code 1.*Address already in use": "Listen 127.0.0.1:8077",
}


@pytest.fixture
def spoiled(apache: Machine) -> Iterator[Machine]:
    """There is a certificate for another site, and somebody else on a port."""
    named = ["-subj", "/CN=other", "-keyout", "/etc/own.key", "-out", "/etc/own.pem"]
    apache.place.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *named)
    squatter = (sys.executable, "-m", "http.server", "-b", "127.0.0.1", "8077")
    with apache.place.up(*squatter, until="curl -s http://127.0.0.1:8077"):
        yield apache


def test_what_the_web_server_does_not_survive_or_does_not_serve_is_put_back(spoiled: Machine) -> None:
    """Faults of others, which no test shows, and only once there is TLS: in who answers, and at the start."""
    for said, fault in SPOILED.items():
        spoiled.write("/etc/apache2/conf-enabled/spoiled.conf", f"<IfModule ssl_module>\n{fault}\n</IfModule>\n")
        before = spoiled.etc
        told = spoiled.kit("apply", code=1)
        assert re.search(said, told, re.DOTALL), told
        assert "ok everything is as it was" in told and "not everything" not in told
        assert spoiled.etc == before, said
        assert "others" in spoiled.others() and spoiled.hub() == "", said


def test_one_that_does_not_run_is_not_started_and_keeps_the_modules_that_others_have_come_to_need(
    apache: Machine,
) -> None:
    modules = "ls /etc/apache2/mods-enabled"
    before = set(apache.place.run("sh", "-c", modules).stdout.split())
    apache.place.run("apache2ctl", "stop")
    told = apache.kit("apply")
    assert "ok test /usr/sbin/apache2ctl configtest" in told
    assert "apache2 does not run, and sitekit does not start it: systemctl enable --now apache2" in told
    assert "apache2                          stopped" in apache.kit("status", code=1)
    assert apache.others() == ""
    apache.place.run("apache2ctl", "start")
    assert "503" in apache.hub()
    apache.write("/etc/apache2/conf-enabled/came.conf", "Header set X-Came yes\n")
    told = apache.kit("uninstall")
    assert "left /etc/apache2/mods-enabled/headers.load: another site of apache2 has come to need it" in told
    assert set(apache.place.run("sh", "-c", modules).stdout.split()) - before == {"headers.load"}
    assert "others" in apache.others() and apache.hub() == ""


def test_nginx_reads_all_that_is_its_own_with_the_site_in_it(nginx: Machine) -> None:
    before = nginx.etc
    with nginx.watched() as missed:
        assert "ok test /usr/sbin/nginx -t" in nginx.kit("apply")
        assert "content-security-policy: default-src 'self'" in nginx.hub().lower()
        nginx.kit("uninstall")
    assert missed == [] and nginx.etc == before and nginx.hub() == ""
    nginx.write("/etc/nginx/conf.d/first.conf", "log_format sitekit-shared '$uri';\n")
    before = nginx.etc
    told = nginx.kit("apply", code=1)
    assert "duplicate" in told and "sitekit-shared" in told and "mend what it names" in told
    assert "starting the services again" not in told, "it was told nothing yet"
    assert nginx.etc == before and "others" in nginx.others()
