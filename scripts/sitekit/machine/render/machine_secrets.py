"""Generate the files that contain secrets of this machine. Existing files are kept as long as they
are valid.

The secrets are: the proxy's token, the token for metrics, the certificates of internal TLS, a
self-signed certificate, the client secrets for identity providers, the password of a PostgreSQL
database, and the SSH keys for the login node. The secrets cannot be computed from the site file.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from pathlib import Path

from ...contracts.database_url import password_file, postgresql
from ...contracts.front_login import HEADERS, SECRET, web_server_file
from ...site import Site
from ...site.sections.front import Certificate
from ..host.file_to_write import File
from ..host.target import Target
from ..web.certificate import self_signed, serves
from ..web.check_provided_files import client_secret
from ..web.config import certificate
from .certificate_authorities import internal_tls_files, internal_tls_paths
from .monitoring import monitoring_paths, monitoring_token
from .ssh import ssh_key_paths, ssh_keys
from .tunnel import tunnel_key_paths, tunnel_keys

_PASSPHRASE = re.compile(r"^OIDCCryptoPassphrase ([0-9a-f]{64})$", re.MULTILINE)
_PROOF = re.compile(rf'^RequestHeader set {HEADERS["proof"]} "([0-9a-f]{{64}})"$', re.MULTILINE)
_TOKEN = re.compile(r"CONFIGPROXY_AUTH_TOKEN=[0-9a-f]{64}\n")
RENEW_SECONDS = 30 * 86400


def generated_files_of(target: Target) -> dict[Path, File]:
    """Return the files with secrets: the existing files if these are valid, else new files. Raises
    CommandFailed."""
    return (
        _token(target)
        | internal_tls_files(target)
        | _certificate(target)
        | openid(target)
        | hub_secret(target)
        | database_password(target)
        | front_secret(target)
        | ssh_keys(target)
        | tunnel_keys(target)
        | monitoring_token(target)
    )


def generated_paths(site: Site) -> set[Path]:
    """Return the paths of the files with secrets that this site needs."""
    paths = {
        site.etc / "proxy.env",
        *(() if isinstance(site.front.certificate, Certificate) else certificate(site)),
    }
    paths |= internal_tls_paths(site) | ssh_key_paths(site) | tunnel_key_paths(site)
    paths |= monitoring_paths(site)
    paths |= {password_file(site)} if has_password(site) else set()
    paths |= {site.etc / "hub.env"} if site.login.method != "pam" else set()
    paths |= {web_server_file(site)} if site.login.method == "front" else set()
    return paths | ({_openid(site)} if site.front.outside and site.front.outside.openid else set())


def _openid(site: Site) -> Path:
    """Return the path of the file from which Apache's module mod_auth_openidc reads its secrets."""
    return site.etc / "tls" / "openid.conf"


def _token(target: Target) -> dict[Path, File]:
    """Return the file with the token that the hub sends to the proxy's API.

    The proxy's account owns the file. The hub's account can read the file, because the hub's
    account is a member of the proxy's group.
    """
    made = _new_token(target.site)
    for path in made:
        if target.on_disk(path).is_file() and _TOKEN.fullmatch(
            text := target.on_disk(path).read_text()
        ):
            made[path] = replace(made[path], content=text)
    return made


def renewed_files(target: Target) -> dict[Path, File]:
    """Return new files for the secrets that `make rotate_secrets` replaces. Raises
    CommandFailed."""
    fresh = _new_token(target.site) | internal_tls_files(target, afresh=True)
    fresh |= monitoring_token(target, afresh=True)
    if target.site.login.method == "front":
        fresh |= _front_files(target.site, secrets.token_hex(32))
    return fresh


def _new_token(site: Site) -> dict[Path, File]:
    """Return the file with a new token for the proxy's API."""
    token = f"CONFIGPROXY_AUTH_TOKEN={secrets.token_hex(32)}\n"
    return {site.etc / "proxy.env": File(token, 0o640, group_of=site.proxy.user)}


def openid(target: Target) -> dict[Path, File]:
    """Return the file with the secrets of mod_auth_openidc. The secrets are the client secret, and
    the key with which cookies are encrypted."""
    outside = target.site.front.outside
    if outside is None or outside.openid is None:
        return {}
    path = _openid(target.site)
    real, secret = target.on_disk(path), client_secret(target, outside.openid.client_secret)
    kept = _PASSPHRASE.search(real.read_text()) if real.is_file() else None
    passphrase = kept[1] if kept else secrets.token_hex(32)
    return {path: File(f'OIDCClientSecret "{secret}"\nOIDCCryptoPassphrase {passphrase}\n', 0o600)}


def hub_secret(target: Target) -> dict[Path, File]:
    """Return the file with the client secret with which the hub logs in at the identity provider.

    Under systemd, root reads the file. Under supervisord, a shell of the hub's account reads the
    file.
    """
    site = target.site
    if site.login.provider is None:
        return {}
    secret = client_secret(target, site.login.provider.client_secret)
    return _hub_env(site, f"OAUTH_CLIENT_SECRET='{secret}'\n")


def has_password(site: Site) -> bool:
    """Return whether the hub's database is on a PostgreSQL server that requires a password."""
    return bool((there := postgresql(site)) and there.password)


def database_password(target: Target) -> dict[Path, File]:
    """Return the file with the password of the hub's database, in libpq's format.

    libpq ignores the file if accounts other than its owner can read the file.
    """
    site, there = target.site, postgresql(target.site)
    if there is None or there.password is None:
        return {}
    escaped = re.sub(r"([\\:])", r"\\\1", client_secret(target, there.password))
    return {password_file(site): File(f"*:*:*:*:{escaped}\n", 0o600, owner=site.hub.user)}


def front_secret(target: Target) -> dict[Path, File]:
    """Return the files with the secret that the web server sends to the hub together with the name
    of a user who has logged in."""
    site = target.site
    if site.login.method != "front":
        return {}
    real = target.on_disk(web_server_file(site))
    kept = _PROOF.search(real.read_text()) if real.is_file() else None
    return _front_files(site, kept[1] if kept else secrets.token_hex(32))


def _front_files(site: Site, secret: str) -> dict[Path, File]:
    """Return two files with the secret: one for the web server, and one for the hub."""
    text = f'RequestHeader set {HEADERS["proof"]} "{secret}"\n'
    return {web_server_file(site): File(text, 0o600)} | _hub_env(site, f"{SECRET}={secret}\n")


def _hub_env(site: Site, text: str) -> dict[Path, File]:
    """Return the file with a secret environment variable of the hub. `text` is the content of the
    file."""
    path = site.etc / "hub.env"
    if site.supervisor == "systemd":
        return {path: File(text, 0o600)}
    return {path: File(text, 0o640, group_of=site.hub.user)}


def _certificate(target: Target) -> dict[Path, File]:
    """Return a self-signed certificate. The web server uses the self-signed certificate always, or
    only until certbot has received a certificate."""
    if isinstance(target.site.front.certificate, Certificate):
        return {}
    cert, key = certificate(target.site)
    texts = [
        target.on_disk(path).read_text() for path in (cert, key) if target.on_disk(path).is_file()
    ]
    # With ACME, certbot renews the certificate. Therefore only an expired certificate is replaced
    # here.
    left = 0 if target.site.front.certificate == "acme" else RENEW_SECONDS
    if len(texts) != 2 or not serves(target.on_disk(cert), target.site, left):
        texts = list(self_signed(target.site))
    return {cert: File(texts[0]), key: File(texts[1], 0o600)}
