"""What is made up on this machine instead of following from the site: the proxy's token, internal
TLS, a self-signed certificate, and the web server's secrets towards an OpenID provider. Each is
made once and kept while it serves."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from pathlib import Path

from ...site import Site
from ...site.front import Certificate
from ..host.file import File
from ..host.target import Target
from ..web.certificate import self_signed, serves
from ..web.config import certificate
from ..web.provided import client_secret
from .authorities import internal, made_for

_PASSPHRASE = re.compile(r"^OIDCCryptoPassphrase ([0-9a-f]{64})$", re.MULTILINE)
_TOKEN = re.compile(r"CONFIGPROXY_AUTH_TOKEN=[0-9a-f]{64}\n")
RENEW_SECONDS = 30 * 86400


def generated(target: Target) -> dict[Path, File]:
    """What stands on the machine where that is good, else something new. Raises CommandFailed."""
    return _token(target) | internal(target) | _certificate(target) | openid(target)


def made_here(site: Site) -> set[Path]:
    """Where the site has such files."""
    paths = {
        site.etc / "proxy.env",
        *(() if isinstance(site.front.certificate, Certificate) else certificate(site)),
    }
    paths |= made_for(site)
    return paths | ({_openid(site)} if site.front.outside and site.front.outside.openid else set())


def _openid(site: Site) -> Path:
    return site.etc / "tls" / "openid.conf"


def _token(target: Target) -> dict[Path, File]:
    """The secret between the hub and the proxy's API. The proxy's account reads it, and the hub's
    as a member."""
    made = _new_token(target.site)
    for path in made:
        if target.on_disk(path).is_file() and _TOKEN.fullmatch(
            text := target.on_disk(path).read_text()
        ):
            made[path] = replace(made[path], content=text)
    return made


def renewed(target: Target) -> dict[Path, File]:
    """The secrets that can be replaced at any time, new. Raises CommandFailed."""
    return _new_token(target.site) | internal(target, afresh=True)


def _new_token(site: Site) -> dict[Path, File]:
    token = f"CONFIGPROXY_AUTH_TOKEN={secrets.token_hex(32)}\n"
    return {site.etc / "proxy.env": File(token, 0o640, group_of=site.proxy.user)}


def openid(target: Target) -> dict[Path, File]:
    """What mod_auth_openidc must keep to itself: the client's secret, and the key of its cookies."""
    outside = target.site.front.outside
    if outside is None or outside.openid is None:
        return {}
    path = _openid(target.site)
    real, secret = target.on_disk(path), client_secret(target, outside.openid)
    kept = _PASSPHRASE.search(real.read_text()) if real.is_file() else None
    passphrase = kept[1] if kept else secrets.token_hex(32)
    return {path: File(f'OIDCClientSecret "{secret}"\nOIDCCryptoPassphrase {passphrase}\n', 0o600)}


def _certificate(target: Target) -> dict[Path, File]:
    """A self-signed one, for good or until an authority's is there."""
    if isinstance(target.site.front.certificate, Certificate):
        return {}
    cert, key = certificate(target.site)
    texts = [
        target.on_disk(path).read_text() for path in (cert, key) if target.on_disk(path).is_file()
    ]
    # certbot looks after what it issued
    left = 0 if target.site.front.certificate == "acme" else RENEW_SECONDS
    if len(texts) != 2 or not serves(target.on_disk(cert), target.site, left):
        texts = list(self_signed(target.site))
    return {cert: File(texts[0]), key: File(texts[1], 0o600)}
