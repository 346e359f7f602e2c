"""Generate the program that reloads the web server after the administrator has renewed the site's
certificate.

Other certificates do not need this program. mod_md and certbot renew certificates from ACME, and
`make apply` renews a self-signed certificate.
"""

from __future__ import annotations

from pathlib import Path

from ...base.templates import templates
from ...site import Site
from ...site.sections.front import Certificate
from ..host.file_to_write import File
from ..host.platform import Platform
from .config import RELOAD, certificate, server


def is_brought(site: Site) -> bool:
    """Return whether the site's administrators themselves provide and renew the certificate."""
    return isinstance(site.front.certificate, Certificate)


def renewal(site: Site, platform: Platform) -> dict[Path, File]:
    """Return the program that reloads the web server, if the administrators provide the
    certificate; else {}."""
    if not is_brought(site):
        return {}
    cert, key = certificate(site)
    words = {
        "certificate": cert,
        "key": key,
        "web": server(site, platform),
        "signal": RELOAD[site.front.server],
    }
    text = templates("apache").get_template("reload_certificate.j2").render(site=site, **words)
    return {site.libexec / "reload_certificate": File(text + "\n", 0o755)}
