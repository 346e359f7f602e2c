"""The front: Apache's configuration, as a virtual host of the machine's own or as one of the site's. Pure."""

from __future__ import annotations

from pathlib import Path

from ..site import Certificate, Site
from .file import File
from .platform import Platform
from .templates import templates

# Long enough for every scanner: two years. A name that many things on this machine answer to is held for minutes only.
_HSTS, _HSTS_LOCALHOST = 63072000, 300


def certificate(site: Site) -> tuple[Path, Path]:
    """Where the certificate and its key lie."""
    if isinstance(site.front.certificate, Certificate):
        return site.front.certificate.certificate, site.front.certificate.key
    return site.etc / "tls" / "cert.pem", site.etc / "tls" / "key.pem"


def front_path(site: Site, platform: Platform) -> Path:
    """Where Apache's configuration lies."""
    if site.front.instance == "own":
        return site.etc / "apache.conf"
    return platform.apache.sites / f"sitekit-{site.name}.conf"


def front(site: Site, platform: Platform) -> dict[Path, File]:
    """Apache's configuration file."""
    name = "standalone.conf.j2" if site.front.instance == "own" else "site.conf.j2"
    cert, key = certificate(site)
    local = site.front.host in ("localhost", "127.0.0.1")
    text = templates("apache").get_template(name).render(
        site=site,
        apache=platform.apache,
        certificate=cert,
        key=key,
        # A site on localhost is for this machine; the network does not see it.
        listen="127.0.0.1:" if local else "",
        hsts=_HSTS_LOCALHOST if local else _HSTS,
    )  # fmt: skip
    return {front_path(site, platform): File(text)}
