"""Define the certificates for internal TLS: owners, files, and the checks of each side.

docs/internal-tls.md explains internal TLS. The site has two certificate authorities. The authority
`services` signs for hub, proxy and front, and users' servers trust it; root owns its key. The
authority `servers` signs for each start of a server, and for the culler; the hub owns its key. With
two authorities, the certificate of a server is never accepted as one of the hub or the proxy.
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
# in the proxy's certificate in addition to its address, because nginx compares only names
PROXY = "proxy.internal"
SUFFIX = ".server.internal"
"""The domain `internal` is reserved for private use (ICANN, 2024).

No DNS server and no public authority has such names.
"""


def installed(site: Site) -> bool:
    """Return whether the hub has its certificate.

    After an upgrade or a restore, the hub's certificate may be missing until the next `make apply`.
    """
    return os.access(pair(site, "hub"), os.R_OK)


def as_installed(site: Site) -> Site:
    """Return the site; if the hub has no certificate, return it without internal TLS."""
    return site if installed(site) else site.model_copy(update={"internal_tls": False})


def folder(site: Site) -> Path:
    """Return the folder of all keys and certificates."""
    return site.etc / "internal"


def hub_url(site: Site) -> str:
    """Return the address at which proxy and servers reach the hub."""
    address = f"[{site.hub_listens_at}]" if ":" in site.hub_listens_at else site.hub_listens_at
    return f"{'https' if site.internal_tls else 'http'}://{address}:{site.hub.port}"


def proxy_api_url(site: Site) -> str:
    """Return the address at which the hub reaches the proxy's API."""
    return f"{'https' if site.internal_tls else 'http'}://127.0.0.1:{site.proxy.api_port}"


def authority(site: Site, name: Authority) -> Path:
    """Return the path of an authority's certificate, which everybody may read."""
    return folder(site) / f"{name}-ca.pem"


def authority_key(site: Site, name: Authority) -> Path:
    """Return the path of an authority's key."""
    return folder(site) / f"{name}-ca.key"


def pair(site: Site, owner: Owner) -> Path:
    """Return the path of the one file with a service's certificate and key.

    Only the account of that service can read this file.
    """
    return folder(site) / f"{owner}.pem"


def name_of(tag: str) -> str:
    """Return the name in the certificate of one start of a server.

    The name is not in DNS, because hub and proxy have the server's address.
    """
    return f"{tag}{SUFFIX}"


def tag_in(name: str) -> str | None:
    """Return the tag in a name that name_of() made; None for any other host."""
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else None


def calling(site: Site, owner: Owner) -> ssl.SSLContext:
    """Return the TLS context for connections that `owner` opens, to services and to servers.

    The TLS context checks the name of the other end.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _with(context, site, owner)


def answering(site: Site, owner: Owner) -> ssl.SSLContext:
    """Return the TLS context for connections that `owner` accepts.

    A caller without a certificate of this site's authorities is refused.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _with(context, site, owner)


def _with(context: ssl.SSLContext, site: Site, owner: Owner) -> ssl.SSLContext:
    """Make the TLS context trust the site's own authorities, and no others.

    JupyterHub's make_ssl_context also trusts the authorities of the distribution (utils.py,
    load_default_certs).
    """
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(pair(site, owner))
    context.load_verify_locations(authority(site, "services"))
    context.load_verify_locations(authority(site, "servers"))
    return context
