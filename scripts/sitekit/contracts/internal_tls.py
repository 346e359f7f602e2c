"""Define the certificates of internal TLS: their paths, their authorities and the TLS contexts.

The site has two certificate authorities of its own. `services` signs the certificates of the hub,
the proxy and the front. Only root can read its key. `servers` signs a certificate for each start of
a user's server, and the culler's certificate. Only the hub's account can read its key. Users'
servers trust `services`. So a server's certificate is never accepted as the hub's or the proxy's.
See docs/internal-tls.md.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Literal

from ..site import Site

Authority = Literal["services", "servers"]
Owner = Literal["hub", "proxy", "front", "culler"]

SIGNED_BY: dict[Owner, Authority] = {
    "hub": "services",
    "proxy": "services",
    "front": "services",
    "culler": "servers",
}
# This name is in the proxy's certificate beside the IP address, because nginx compares only names.
PROXY = "proxy.internal"
SUFFIX = ".server.internal"
"""The suffix of the names in servers' certificates.

ICANN reserved `internal` for private use in 2024. No public DNS server and no public certificate
authority has names that end with it.
"""


def installed(site: Site) -> bool:
    """Return whether the hub's account can read the hub's certificate.

    After an upgrade or a restore, this is false until `make apply` has made the certificates or has
    set their owners.
    """
    return os.access(pair(site, "hub"), os.R_OK)


def as_installed(site: Site) -> Site:
    """Return the site, with internal TLS off if the hub has no certificate yet."""
    return site if installed(site) else site.model_copy(update={"internal_tls": False})


def folder(site: Site) -> Path:
    """Return the folder of all certificates and keys."""
    return site.etc / "internal"


def hub_url(site: Site) -> str:
    """Return the URL at which the proxy and the servers reach the hub."""
    # In a URL, an IPv6 address must be in brackets.
    address = f"[{site.hub.address}]" if ":" in site.hub.address else site.hub.address
    return f"{'https' if site.internal_tls else 'http'}://{address}:{site.hub.port}"


def proxy_api_url(site: Site) -> str:
    """Return the URL at which the hub reaches the proxy's API."""
    return f"{'https' if site.internal_tls else 'http'}://127.0.0.1:{site.proxy.api_port}"


def authority(site: Site, name: Authority) -> Path:
    """Return the path of an authority's certificate, which everybody may read."""
    return folder(site) / f"{name}-ca.pem"


def authority_key(site: Site, name: Authority) -> Path:
    """Return the path of an authority's key."""
    return folder(site) / f"{name}-ca.key"


def pair(site: Site, owner: Owner) -> Path:
    """Return the path of the file with a service's certificate and key.

    Only the account of the service can read the file.
    """
    return folder(site) / f"{owner}.pem"


def name_of(tag: str) -> str:
    """Return the name in the certificate for one start of a server.

    The name is not in DNS. The hub and the proxy know the server's address without DNS.
    """
    return f"{tag}{SUFFIX}"


def tag_in(name: str) -> str | None:
    """Return the tag in the name of a server's certificate, None for any other name."""
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else None


def calling(site: Site, owner: Owner) -> ssl.SSLContext:
    """Return the TLS context for connections that `owner` opens to services and to servers.

    The name in the certificate of the other side is checked.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _with(context, site, owner)


def answering(site: Site, owner: Owner) -> ssl.SSLContext:
    """Return the TLS context for connections that `owner` accepts.

    The client must have a certificate from one of the site's two authorities.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _with(context, site, owner)


def _with(context: ssl.SSLContext, site: Site, owner: Owner) -> ssl.SSLContext:
    """Add the owner's certificate and the site's authorities to the context, and return it.

    The authorities of the Linux distribution are not trusted. JupyterHub's own make_ssl_context
    would trust them (utils.py, load_default_certs).
    """
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(pair(site, owner))
    context.load_verify_locations(authority(site, "services"))
    context.load_verify_locations(authority(site, "servers"))
    return context
