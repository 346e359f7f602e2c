"""What is made up on this machine instead of following from the site: the proxy's token and a self-signed certificate.

Each is made once and kept as long as it serves.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import tempfile
from dataclasses import replace
from pathlib import Path

from ..command import run
from ..site import Site
from .file import File
from .front import certificate
from .target import Target

_TOKEN = re.compile(r"CONFIGPROXY_AUTH_TOKEN=[0-9a-f]{64}\n")
VALID_DAYS = 825  # the longest that browsers take without complaint, for certificates from private hands
RENEW_SECONDS = 30 * 86400


def generated(target: Target) -> dict[Path, File]:
    """What stands on the machine where that is good, else something new. Raises CommandFailed."""
    return _token(target) | (_certificate(target) if target.site.front.certificate == "self-signed" else {})


def _token(target: Target) -> dict[Path, File]:
    """The secret between the hub and the proxy's API. The proxy's account reads it, and the hub's as a member."""
    made = renewed(target.site)
    for path in made:
        if target.on_disk(path).is_file() and _TOKEN.fullmatch(text := target.on_disk(path).read_text()):
            made[path] = replace(made[path], content=text)
    return made


def renewed(site: Site) -> dict[Path, File]:
    """The secrets that can be replaced at any time, new."""
    token = f"CONFIGPROXY_AUTH_TOKEN={secrets.token_hex(32)}\n"
    return {site.etc / "proxy.env": File(token, 0o640, group_of=site.proxy.user)}


def _certificate(target: Target) -> dict[Path, File]:
    cert, key = certificate(target.site)
    texts = [target.on_disk(path).read_text() for path in (cert, key) if target.on_disk(path).is_file()]
    if len(texts) != 2 or not serves(target.on_disk(cert), target.site):
        texts = list(self_signed(target.site))
    return {cert: File(texts[0]), key: File(texts[1], 0o600)}


def serves(cert: Path, site: Site) -> bool:
    """Whether a certificate is for the site's host, and stays valid for another month."""
    kind = "-checkip" if _is_ip(site.front.host) else "-checkhost"
    told = run(["openssl", "x509", "-in", cert, "-noout", kind, site.front.host], check=False)
    lasts = run(["openssl", "x509", "-in", cert, "-noout", "-checkend", str(RENEW_SECONDS)], check=False)
    return told.returncode == 0 and "does match" in told.stdout and lasts.returncode == 0


def self_signed(site: Site) -> tuple[str, str]:
    """(certificate, key) for the site's host, in PEM. Raises CommandFailed."""
    names = [f"{'IP' if _is_ip(site.front.host) else 'DNS'}:{site.front.host}"]
    if site.front.host == "localhost":
        names.append("IP:127.0.0.1")
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        # A common name is at most 64 characters long (RFC 5280); what counts is the alternative name.
        whose = ["-subj", f"/CN={site.front.host[:64]}", "-addext", f"subjectAltName={','.join(names)}"]
        usage = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"]
        run(["openssl", "req", "-x509", *kind, "-days", str(VALID_DAYS), *whose, *usage, "-keyout", key, "-out", cert])
        return cert.read_text(), key.read_text()


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
