"""Define the certificates for TLS between hub, proxy, web server and users' servers.

docs/internal-tls.md explains internal TLS. The site has two certificate authorities. The authority
`services` signs the certificates of hub, proxy and web server. Users' servers trust the authority
`services`, and only root can read its key. The authority `servers` signs a certificate for each
start of a user's server, and one for the culler; the hub owns the key of this authority. Because
there are two authorities, the certificate of a user's server is never accepted as a certificate of
the hub or the proxy.
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
# the proxy's certificate contains the proxy's address and this name, because nginx compares only
# names
PROXY = "proxy.internal"
SUFFIX = ".server.internal"
"""The end of the names in servers' certificates. The domain `internal` is reserved for private use
(ICANN, 2024).

Public DNS has no names in the domain `internal`, and no public authority signs certificates for
them.
"""


def installed(site: Site) -> bool:
    """Return whether the hub's certificate for internal TLS exists.

    After an upgrade or a restore, the hub's certificate is possibly missing until the next `make
    apply`.
    """
    return os.access(certificate_and_key(site, "hub"), os.R_OK)


def as_installed(site: Site) -> Site:
    """Return the site. If the hub's certificate is missing, internal TLS is off in the returned
    site."""
    return site if installed(site) else site.model_copy(update={"internal_tls": False})


def folder(site: Site) -> Path:
    """Return the folder of all keys and certificates of internal TLS."""
    return site.etc / "internal"


def hub_url(site: Site) -> str:
    """Return the URL at which proxy and users' servers reach the hub."""
    address = f"[{site.hub_listens_at}]" if ":" in site.hub_listens_at else site.hub_listens_at
    return f"{'https' if site.internal_tls else 'http'}://{address}:{site.hub.port}"


def proxy_api_url(site: Site) -> str:
    """Return the URL at which the hub reaches the proxy's API."""
    return f"{'https' if site.internal_tls else 'http'}://127.0.0.1:{site.proxy.api_port}"


def authority(site: Site, name: Authority) -> Path:
    """Return the path of an authority's certificate, which everybody can read."""
    return folder(site) / f"{name}-ca.pem"


def authority_key(site: Site, name: Authority) -> Path:
    """Return the path of an authority's private key."""
    return folder(site) / f"{name}-ca.key"


def certificate_and_key(site: Site, owner: Owner) -> Path:
    """Return the path of the file that contains both the certificate and the key of a service.

    Only the account of that service can read this file.
    """
    return folder(site) / f"{owner}.pem"


def name_of(tag: str) -> str:
    """Return the host name in the certificate for one start of a server, which `tag` identifies.

    The name need not be in DNS, because hub and proxy connect to the server's IP address.
    """
    return f"{tag}{SUFFIX}"


def tag_in(name: str) -> str | None:
    """Return a server's tag (the id of its start) from a host name that name_of() returned; None
    for any other host name."""
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else None


def client_context(site: Site, owner: Owner) -> ssl.SSLContext:
    """Return the TLS context for connections that `owner` opens, to services and to servers.

    With this TLS context, a connection fails if the other end's certificate does not have the name
    to which `owner` connects.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _with(context, site, owner)


def server_context(site: Site, owner: Owner) -> ssl.SSLContext:
    """Return the TLS context for connections that `owner` accepts.

    A client without a certificate of this site's authorities is refused.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _with(context, site, owner)


def _with(context: ssl.SSLContext, site: Site, owner: Owner) -> ssl.SSLContext:
    """Make the TLS context trust the site's own authorities, and no others.

    JupyterHub's own function make_ssl_context also trusts the public authorities of the Linux
    distribution (utils.py, load_default_certs).
    """
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate_and_key(site, owner))
    context.load_verify_locations(authority(site, "services"))
    context.load_verify_locations(authority(site, "servers"))
    return context
