"""What the front needs besides its configuration: certificates that fit, and secrets that are kept."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from machine_sites import bare_machine, demo, family

from sitekit.base.errors import BadInput
from sitekit.contracts.front_login import web_server_file
from sitekit.machine.host.file_to_write import File
from sitekit.machine.host.platform import this_platform
from sitekit.machine.host.target import Target
from sitekit.machine.render.machine_secrets import (
    front_secret,
    generated_files_of,
    openid,
    renewed_files,
)
from sitekit.machine.render.rendered_files import render
from sitekit.machine.web.certificate import self_signed, serves
from sitekit.machine.web.check_provided_files import check_brought
from sitekit.machine.web.config import front
from sitekit.site import Site

CERT, KEY = "/etc/ssl/own.pem", "/etc/ssl/own.key"
HOST = "jupyter.example.org"
SECRET = "/etc/ssl/openid-secret"
PAM = Path("/etc/pam.d/sitekit-demo")


def site(**front: object) -> Site:
    return demo(front={"url": f"https://{HOST}"} | front)


def machine(root: Path, certificate_of: Site | None = None) -> Path:
    """A machine that has the site's accounts, and a certificate made for `certificate_of`."""
    bare_machine(root)
    with (root / "etc/passwd").open("a") as passwd, (root / "etc/group").open("a") as group:
        passwd.write("jupyterhub-proxy:x:900:900::/nonexistent:/usr/sbin/nologin\n")
        group.write("jupyterhub-proxy:x:900:\n")
    if certificate_of:
        (root / "etc/ssl").mkdir()
        for path, text in zip((CERT, KEY), self_signed(certificate_of), strict=True):
            (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            (root / path[1:]).write_text(text)
    return root


def looked_at(wanted: Site, root: Path) -> None:
    check_brought(Target(wanted, root))


FILES = {"certificate": {"certificate": CERT, "key": KEY}}


def test_a_certificate_of_ones_own_is_taken_when_it_fits(tmp_path: Path) -> None:
    looked_at(site(**FILES), machine(tmp_path, site()))
    looked_at(site(**FILES, subdomains=True), machine(tmp_path / "wild", site(subdomains=True)))


@pytest.mark.parametrize(
    ("wanted", "there", "what"),
    [
        (site(**FILES), None, "is not there"),
        (
            site(**FILES),
            demo(front={"url": "https://other.example.org"}),
            f"not a certificate for {HOST}",
        ),
        (site(**FILES, subdomains=True), site(), rf"not a certificate for \*\.{HOST}"),
        (site(**FILES), demo(front={"url": "https://example.org", "subdomains": True}), None),
    ],
    ids=["missing", "another's", "no wildcard", "a wildcard above"],
)
def test_one_that_browsers_would_refuse_is_refused(
    wanted: Site, there: Site | None, what: str | None, tmp_path: Path
) -> None:
    root = machine(tmp_path, there)
    if what is None:
        return looked_at(wanted, root)
    with pytest.raises(BadInput, match=what) as refusal:
        looked_at(wanted, root)
    assert refusal.value.where == "front.certificate.certificate"


def test_one_out_of_date_is_refused(tmp_path: Path) -> None:
    root = machine(tmp_path, site())
    key, request = tmp_path / "key", tmp_path / "request"
    ask = [
        "openssl",
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        f"/CN={HOST}",
        "-keyout",
        key,
    ]
    subprocess.run(
        [*ask, "-addext", f"subjectAltName=DNS:{HOST}", "-out", request],
        check=True,
        capture_output=True,
    )
    sign = [
        "openssl",
        "x509",
        "-req",
        "-in",
        request,
        "-signkey",
        key,
        "-days",
        "-1",
        "-copy_extensions",
        "copy",
    ]
    subprocess.run([*sign, "-out", root / CERT[1:]], check=True, capture_output=True)
    with pytest.raises(BadInput, match="out of date"):
        looked_at(site(**FILES), root)


def test_a_key_that_cannot_serve_with_it_is_refused(tmp_path: Path) -> None:
    """Apache's own test passes such a key, and the whole server ends with it."""
    root = machine(tmp_path, site())
    key = root / KEY[1:]
    own = key.read_text()
    key.write_text(self_signed(site())[1])
    with pytest.raises(BadInput, match="does not belong to") as refusal:
        looked_at(site(**FILES), root)
    assert refusal.value.where == "front.certificate.key"
    key.write_text(own)
    closed = [
        "openssl",
        "pkey",
        "-in",
        key,
        "-aes128",
        "-passout",
        "pass:secret",
        "-out",
        tmp_path / "closed",
    ]
    subprocess.run(closed, check=True, capture_output=True)
    (tmp_path / "closed").rename(key)
    with pytest.raises(BadInput, match="has a passphrase"):
        looked_at(site(**FILES), root)
    key.unlink()
    with pytest.raises(BadInput, match=f"{KEY} is not there"):
        looked_at(site(**FILES), root)


def test_a_self_signed_one_covers_subdomains_and_is_made_again_when_they_are_switched_on(
    tmp_path: Path,
) -> None:
    root = machine(tmp_path)
    cert = root / "etc/sitekit/demo/tls/cert.pem"

    def made(wanted: Site) -> str:
        files = generated_files_of(Target(wanted, root))
        for path, file in files.items():
            place = root / path.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(file.content)
        return cert.read_text()

    first = made(site())
    assert made(site()) == first and not serves(cert, site(subdomains=True), 0)
    assert made(site(subdomains=True)) != first and serves(cert, site(subdomains=True), 0)


@pytest.mark.parametrize("server", ["apache", "nginx"])
def test_browsers_ask_for_tls_at_users_own_names_too(server: str) -> None:
    for subdomains, value in (
        (False, '"max-age=63072000"'),
        (True, '"max-age=63072000; includeSubDomains"'),
    ):
        files = front(site(server=server, subdomains=subdomains), this_platform(Path("/")))
        told = {
            line.split("Strict-Transport-Security ")[1]
            for line in lines(files)
            if f"{SET[server]} Strict" in line
        }
        assert {text.removesuffix(";").removesuffix(" always") for text in told} == {value}


SET = {"apache": "Header always set", "nginx": "add_header"}


def lines(files: dict[Path, File]) -> list[str]:
    return [line for file in files.values() for line in str(file.content).splitlines()]


def test_what_an_authority_issued_is_kept_to_its_last_day(tmp_path: Path) -> None:
    """A self-signed one is replaced a month before its end; an issued one is certbot's to renew."""
    root = machine(tmp_path)
    folder = root / "etc/sitekit/demo/tls"
    folder.mkdir(parents=True)
    soon = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "10",
        "-subj",
        f"/CN={HOST}",
    ]
    names = ["-addext", f"subjectAltName=DNS:{HOST}"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([*soon, *names, *files], check=True, capture_output=True)
    issued = (folder / "cert.pem").read_text()
    acme = {"server": "nginx", "certificate": "acme", "acme": {"contact": "admins@example.org"}}

    def kept(wanted: Site) -> bool:
        return issued in [
            file.content for file in generated_files_of(Target(wanted, root)).values()
        ]

    assert kept(site(**acme)) and not kept(site())


OUTSIDE = {
    "inside": ["10.0.0.0/8"],
    "method": "openid",
    "openid": {
        "provider": "https://login.example.org/x",
        "client_id": "jupyter",
        "client_secret": SECRET,
    },
}


def test_the_clients_secret_is_for_root_alone_and_the_cookies_key_is_kept(tmp_path: Path) -> None:
    root = machine(tmp_path, site())
    (root / SECRET[1:]).write_text("first-secret\n")
    target = Target(site(outside=OUTSIDE), root)
    ((path, file),) = openid(target).items()
    assert file.mode == 0o600 and 'OIDCClientSecret "first-secret"\n' in file.content
    (root / path.relative_to("/")).parent.mkdir(parents=True)
    (root / path.relative_to("/")).write_text(file.content)
    (root / SECRET[1:]).write_text("second-secret\n")
    (after,) = openid(target).values()
    assert after.content == file.content.replace("first", "second")


@pytest.mark.parametrize(
    "text", [None, "", "short", "two\nlines-of-it", 'a"quote-in-it', "back\\slash-in-it"]
)
def test_what_is_no_secret_is_refused(text: str | None, tmp_path: Path) -> None:
    root = machine(tmp_path, site())
    if text is not None:
        (root / SECRET[1:]).write_text(text)
    with pytest.raises(BadInput, match="the client secret"):
        check_brought(Target(site(outside=OUTSIDE), root))


def test_where_only_root_reads_the_shadow_file_the_hub_does_not_pretend_to():
    with pytest.raises(BadInput, match="only root") as refusal:
        render(demo(), family("el"))
    assert refusal.value.where == "login.passwords" and "passwords: sssd" in refusal.value.remedy
    assert "pam_unix" not in render(demo(login={"passwords": "sssd"}), family("el"))[PAM].content
    assert "pam_sss" not in render(demo(), family())[PAM].content


def test_rotated_secrets_are_new_in_all_their_copies(tmp_path: Path) -> None:
    """`login.method: front`: the hub and the web server have the same new secret."""
    site = demo(
        login={
            "method": "front",
            "allowed_groups": ["users"],
            "directives": "/etc/apache2/login.conf",
            "admin_groups": [],
        },
        internal_tls=True,
    )
    target = Target(site, bare_machine(tmp_path))
    old, new = front_secret(target), renewed_files(target)
    paths = {web_server_file(site), site.etc / "hub.env"}
    assert set(old) == paths and paths <= set(new)
    secrets = [
        set(re.findall("[0-9a-f]{64}", files[path].content))
        for files in (old, new)
        for path in paths
    ]
    assert (
        secrets[0] == secrets[1] and secrets[2] == secrets[3] and secrets[0].isdisjoint(secrets[2])
    )
    assert all(len(found) == 1 for found in secrets)
