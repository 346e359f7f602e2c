"""The site in the machine's own Apache or nginx, which serves another site before, meanwhile and
afterwards."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sitekit.machine.host.file_to_write import digest
from sitekit.site.show import dump

from ..slurm import until
from .conftest import bare, install
from .elsewhere import Elsewhere, elsewhere

HOST = "hub.test"
# Everything below /etc: kind, path, mode, owner, where it points, and the hashes of the contents.
ETC = (
    "find /etc -printf '%y %p %m %U %G %l\n' | sort; find /etc -type f -exec sha256sum {} + | sort"
)
PID = "/run/apache2/apache2.pid"
APPLY = Path(__file__).parent / "programs" / "apply.py"


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
        words = (APPLY,) if code and command == "apply" else ("-m", "sitekit", command)
        environment = {
            "SITE": str(site),
            "PYTHONPATH": ":".join(sys.path),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        }
        done = self.place.run(sys.executable, *words, env=environment, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def etc(self) -> str:
        return self.place.run("sh", "-c", ETC).stdout

    def write(self, path: str, text: str) -> None:
        self.place.run("tee", path, input=text)

    def others(self, url: str = "http://127.0.0.1/") -> str:
        """What another site says. Every name leads to 127.0.0.1."""
        ask = ["curl", "-ksS", "-m", "90", "--connect-to", "::127.0.0.1:", url]
        return self.place.run(*ask, check=False).stdout

    def hub(self) -> str:
        """The answer of the site's virtual host, which is in the log of this site alone. There is
        no hub behind it."""
        ask = [
            "curl",
            "-ksS",
            "-m",
            "90",
            "-D",
            "-",
            "--resolve",
            f"{HOST}:443:127.0.0.1",
            f"https://{HOST}/hub/login",
        ]
        return self.place.run(*ask, check=False).stdout

    def serves(self, text: str) -> None:
        """Wait until the site's virtual host answers with this text: after a reload, processes with
        the old configuration may answer for a moment."""
        until(lambda: text in self.hub().lower())

    def serves_no_more(self) -> None:
        """Wait until nobody answers in the place of the site's virtual host."""
        until(lambda: self.hub() == "")

    @contextmanager
    def watched(self, *urls: str) -> Iterator[list[str]]:
        """What other sites did not answer while this lasts, asked again and again: by default that
        of port 80."""
        urls = urls or ("http://127.0.0.1/",)
        missed, over = [], threading.Event()
        asked = [word for url in urls for word in ("--connect-to", "::127.0.0.1:", url)]
        script = 'while read -r _; do curl -ksS -m 60 -w " %{url} %{http_code}\\n" "$@" 2>&1; echo .; done'
        words = self.place.argv("sh", "-c", script, "sh", *asked)
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as asker:

            def look() -> None:
                while not over.wait(0.05):
                    asker.stdin.write("\n")
                    asker.stdin.flush()
                    said = "".join(iter(asker.stdout.readline, ".\n"))
                    if not said.count("others") == said.count(" 200\n") == len(urls):
                        missed.append(f"{time.strftime('%X')} {said}")

            watcher = threading.Thread(target=look)
            watcher.start()
            try:
                yield missed
            finally:
                over.set()
                watcher.join()
                asker.stdin.close()


@contextmanager
def shared(kind: str, folder: Path) -> Iterator[Machine]:
    own = folder / "own"
    own.mkdir()
    with elsewhere(own, "var run usr/local") as place:
        place.copy_etc(own)
        machine = Machine(place, kind, folder)
        place.run("groupadd", "-f", "jupyter-users")
        machine.write("/var/www/html/index.html", "others")
        start, pid = ("apache2ctl start", PID) if kind == "apache" else ("nginx", "/run/nginx.pid")
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
    assert (
        "new link        /etc/apache2/mods-enabled/ssl.load -> ../mods-available/ssl.load: a module"
        in shown
    )
    assert "    reload          apache2\n" in shown, "also for modules that it did not have"
    with apache.watched() as missed:
        apache.kit("apply")
        apache.serves("content-security-policy: default-src 'self'")
        apache.serves("503")
        assert "apache2                          running" in apache.kit("status", code=1), (
            "though the hub does not"
        )
        assert "ok reload apache2" in apache.kit("apply", maintenance_allow=["10.0.0.0/8"])
        apache.kit("uninstall")
    assert missed == []
    assert apache.etc == before
    assert "others" in apache.others()
    apache.serves_no_more()


def test_one_that_listens_on_the_address_of_the_name_alone_takes_it_in(apache: Machine) -> None:
    apache.place.run("sh", "-c", f"echo 127.0.0.5 {HOST} >>/etc/hosts")
    apache.write(
        "/etc/apache2/ports.conf",
        "Listen 80\n<IfModule ssl_module>\nListen 127.0.0.5:443\n</IfModule>\n",
    )
    assert "ok reload apache2" in apache.kit("apply")


TLS = "SSLEngine on\nSSLCertificateFile /etc/own.pem\nSSLCertificateKeyFile /etc/own.key\n"
NAMED = ("http://www.test/", "https://www.test/")


def a_certificate(machine: Machine, name: str) -> dict[str, str]:
    """One for the hub, in files of this name in /etc; as site.yml names it."""
    files = {"certificate": f"/etc/{name}.pem", "key": f"/etc/{name}.key"}
    subject = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "90"]
    where = ["-keyout", files["key"], "-out", files["certificate"]]
    machine.place.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject, *where)
    return files


@pytest.fixture
def named(apache: Machine) -> Machine:
    """The other site has a name, on 80 and 443, in a file that comes late in the alphabet, and
    nobody else is there."""
    a_certificate(apache, "own")
    page = "DocumentRoot /var/www/html\n"
    hosts = "".join(
        f"<VirtualHost *:{port}>\nServerName www.test\n{page}{TLS if port == 443 else ''}</VirtualHost>\n"
        for port in (80, 443)
    )
    apache.write("/etc/apache2/sites-available/www.conf", hosts)
    apache.place.run(
        "sh", "-c", "a2enmod -q ssl; a2ensite -q www; a2dissite -q 000-default; apache2ctl restart"
    )
    until(lambda: all("others" in apache.others(url) for url in NAMED))
    return apache


def test_the_other_site_stays_the_one_for_names_that_nobody_has(named: Machine) -> None:
    ask = ("curl", "-sSI", "--connect-to", "::127.0.0.1:", f"http://{HOST}/x")
    with named.watched(*NAMED, "http://unknown.test/", "https://unknown.test/") as missed:
        told = named.kit("apply")
        named.serves("503")
        until(lambda: f"Location: https://{HOST}/x" in named.place.run(*ask).stdout)
        named.kit("uninstall")
    assert missed == []
    assert "as before answer the other hosts of apache2: www.test" in told


def test_where_no_site_has_a_virtual_host_the_main_server_answers_as_before(
    apache: Machine,
) -> None:
    main = "DocumentRoot /var/www/html\nServerTokens OS\nErrorDocument 404 anew\n"
    apache.write("/etc/apache2/conf-enabled/main.conf", main)
    apache.place.run(
        "sh", "-c", "a2disconf -q security; a2dissite -q 000-default; apache2ctl restart"
    )
    until(lambda: "anew" in apache.others("http://127.0.0.1/nothing"))  # it has restarted
    banner = "curl -sSI http://127.0.0.1/ | grep -i ^server:"
    with apache.watched("http://127.0.0.1/", "http://any.test/") as missed:
        apache.kit("apply")
        assert "(Debian)" in apache.place.run("sh", "-c", banner).stdout, (
            "what it says of itself is its own"
        )
        apache.kit("uninstall")
    assert missed == []


def test_a_key_of_another_certificate_is_refused_before_anything_is_touched(named: Machine) -> None:
    mine, other = a_certificate(named, "hub"), a_certificate(named, "another")
    before = named.etc
    with named.watched(*NAMED) as missed:
        told = named.kit("apply", code=2, certificate={**mine, "key": other["key"]})
        assert "front.certificate.key: /etc/another.key does not belong to /etc/hub.pem" in told
        assert named.etc == before
        named.kit("apply", certificate=mine)
        named.kit("apply", certificate="self-signed")
        named.kit("apply", certificate=mine)
        named.kit("uninstall")
    assert missed == []


def test_a_stapling_cache_of_an_older_sitekit_goes_without_the_end_of_the_web_server(
    named: Machine,
) -> None:
    named.kit("apply", certificate=a_certificate(named, "hub"))
    path, manifest = (
        "/etc/apache2/sites-available/zz-sitekit-shared.conf",
        "/etc/sitekit/shared/manifest.json",
    )
    written = named.place.run("cat", path).stdout
    older = f"SSLStaplingCache shmcb:sitekit-shared-ocsp(128000)\n{written}"
    record = named.place.run("cat", manifest).stdout
    assert digest(written.encode()) in record
    named.write(path, older)
    named.write(manifest, record.replace(digest(written.encode()), digest(older.encode())))
    named.place.run("apache2ctl", "restart")
    assert "ok restart apache2" in named.kit("apply", certificate="self-signed")
    named.serves("503")
    assert all("others" in named.others(url) for url in NAMED)


SPOILED = {
    "does not pass requests for https://hub.test to this site": (
        f"<VirtualHost *:443>\nServerName {HOST}\n{TLS}</VirtualHost>"
    ),
    "apache2 would listen on 127.0.0.1:8077, but python.* already listens there": "Listen 127.0.0.1:8077",
    "Cannot define multiple Listeners on the same IP:port": "Listen 443",
    "/etc/other.key: the key does not belong to the certificate /etc/own.pem": (
        f"<VirtualHost *:443>\nServerName own.test\n{TLS.replace('own.key', 'other.key')}</VirtualHost>"
    ),
}


@pytest.fixture
def spoiled(apache: Machine) -> Iterator[Machine]:
    """There are certificates for another site, and somebody else on a port."""
    a_certificate(apache, "own")
    a_certificate(apache, "other")
    squatter = (sys.executable, "-m", "http.server", "-b", "127.0.0.1", "8077")
    with apache.place.up(*squatter, until="curl -s http://127.0.0.1:8077"):
        yield apache


def test_what_the_web_server_does_not_survive_or_does_not_serve_is_put_back(
    spoiled: Machine,
) -> None:
    """Faults of others, which no test of Apache's own shows, and only once there is TLS. Visitors
    notice none of it."""
    with spoiled.watched() as missed:
        for said, fault in SPOILED.items():
            spoiled.write(
                "/etc/apache2/conf-enabled/spoiled.conf",
                f"<IfModule ssl_module>\n{fault}\n</IfModule>\n",
            )
            before = spoiled.etc
            told = spoiled.kit("apply", code=1)
            assert re.search(said, told, re.DOTALL), told
            assert "ok everything is as it was" in told and "not everything" not in told
            assert spoiled.etc == before, said
            assert "others" in spoiled.others(), said
            spoiled.serves_no_more()
    assert missed == []


def test_one_that_does_not_run_is_not_started_and_keeps_the_modules_that_others_have_come_to_need(
    apache: Machine,
) -> None:
    modules = "ls /etc/apache2/mods-enabled"
    before = set(apache.place.run("sh", "-c", modules).stdout.split())
    apache.place.run("apache2ctl", "stop")
    until(lambda: apache.place.run("test", "-e", PID, check=False).returncode)  # it has ended
    told = apache.kit("apply")
    assert "ok test /usr/sbin/apache2ctl configtest" in told
    assert (
        "apache2 does not run, and sitekit does not start it: systemctl enable --now apache2"
        in told
    )
    assert "apache2                          stopped" in apache.kit("status", code=1)
    assert apache.others() == ""
    apache.place.run("apache2ctl", "start")
    apache.serves("503")
    apache.write("/etc/apache2/conf-enabled/came.conf", "Header set X-Came yes\n")
    told = apache.kit("uninstall")
    assert (
        "left /etc/apache2/mods-enabled/headers.load: another site of apache2 now needs it" in told
    )
    assert set(apache.place.run("sh", "-c", modules).stdout.split()) - before == {"headers.load"}
    assert "others" in apache.others()
    apache.serves_no_more()


def test_another_site_of_nginx_stays_the_one_for_names_that_nobody_has(nginx: Machine) -> None:
    """It says nothing of being the default, and its file comes late in the alphabet."""
    a_certificate(nginx, "own")
    tls = "ssl_certificate /etc/own.pem; ssl_certificate_key /etc/own.key;"
    hosts = "".join(
        f"server {{ listen {port}; server_name www.test; root /var/www/html; {tls if 'ssl' in port else ''} }}\n"
        for port in ("80", "443 ssl")
    )
    nginx.write("/etc/nginx/sites-enabled/www", hosts)
    nginx.place.run("sh", "-c", "rm /etc/nginx/sites-enabled/default; nginx -s reload")
    mine, other = a_certificate(nginx, "hub"), a_certificate(nginx, "another")
    urls = (*NAMED, "http://unknown.test/", "https://unknown.test/")
    until(lambda: all("others" in nginx.others(url) for url in urls))
    with nginx.watched(*urls) as missed:
        told = nginx.kit("apply", certificate=mine)
        nginx.serves("content-security-policy: default-src 'self'")
        assert "does not belong to" in nginx.kit(
            "apply", code=2, certificate={**mine, "key": other["key"]}
        )
        nginx.kit("uninstall")
    assert missed == []
    assert "as before answer the other hosts of nginx: www.test" in told


def test_nginx_reads_all_that_is_its_own_with_the_site_in_it(nginx: Machine) -> None:
    before = nginx.etc
    with nginx.watched() as missed:
        assert "ok test /usr/sbin/nginx -t" in nginx.kit("apply")
        nginx.serves("content-security-policy: default-src 'self'")
        nginx.kit("uninstall")
    assert missed == [] and nginx.etc == before
    nginx.serves_no_more()
    nginx.write("/etc/nginx/conf.d/first.conf", "log_format sitekit-shared '$uri';\n")
    before = nginx.etc
    told = nginx.kit("apply", code=1)
    assert "duplicate" in told and "sitekit-shared" in told and "mend what it names" in told
    assert "starting the services again" not in told, "it was told nothing yet"
    assert nginx.etc == before and "others" in nginx.others()
