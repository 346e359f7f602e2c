"""Internal TLS: who has which certificate, where it lies, and what each asks of the other.
docs/internal-tls.md.

Two authorities of the site's own sign. `services` is trusted by users' servers; it signs for hub,
proxy and front. Its key is root's. `servers` signs for each start of a server and for the culler;
its key is the hub's. A certificate of a server is therefore never taken for one of the hub or the
proxy, by nobody.
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
# in the proxy's certificate beside its address: nginx compares names alone
PROXY = "proxy.internal"
SUFFIX = ".server.internal"
"""`internal` is reserved for private use (ICANN, 2024): no DNS server and no public authority has
such names."""


def installed(site: Site) -> bool:
    """Whether the hub has its certificate. A newer release, and what was restored, come before the
    `make apply` that makes them or hands them over."""
    return os.access(pair(site, "hub"), os.R_OK)


def as_installed(site: Site) -> Site:
    """The site without internal TLS while the hub has no certificate."""
    return site if installed(site) else site.model_copy(update={"internal_tls": False})


def folder(site: Site) -> Path:
    """Where all of it lies."""
    return site.etc / "internal"


def hub_url(site: Site) -> str:
    """Where proxy and servers reach the hub; an IPv6 address stands in brackets."""
    address = f"[{site.hub.address}]" if ":" in site.hub.address else site.hub.address
    return f"{'https' if site.internal_tls else 'http'}://{address}:{site.hub.port}"


def proxy_api_url(site: Site) -> str:
    """Where the hub reaches the proxy's API."""
    return f"{'https' if site.internal_tls else 'http'}://127.0.0.1:{site.proxy.api_port}"


def authority(site: Site, name: Authority) -> Path:
    """The authority's certificate, which everybody may read."""
    return folder(site) / f"{name}-ca.pem"


def authority_key(site: Site, name: Authority) -> Path:
    return folder(site) / f"{name}-ca.key"


def pair(site: Site, owner: Owner) -> Path:
    """Certificate and key of a service, in one file that is that service's account's alone."""
    return folder(site) / f"{owner}.pem"


def name_of(tag: str) -> str:
    """The name in the certificate of one start of a server. No resolver knows it: hub and proxy
    know its address."""
    return f"{tag}{SUFFIX}"


def tag_in(name: str) -> str | None:
    """The tag in such a name; None for any other host."""
    return name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else None


def calling(site: Site, owner: Owner) -> ssl.SSLContext:
    """For connections that `owner` makes, to services and to servers. The other end's name is
    checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _with(context, site, owner)


def answering(site: Site, owner: Owner) -> ssl.SSLContext:
    """For connections that `owner` takes: whoever shows no certificate of an authority of this site
    is turned away."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _with(context, site, owner)


def _with(context: ssl.SSLContext, site: Site, owner: Owner) -> ssl.SSLContext:
    """Trusts the site's own authorities and nobody else: not those of the distribution, as
    JupyterHub's make_ssl_context does (utils.py, load_default_certs)."""
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(pair(site, owner))
    context.load_verify_locations(authority(site, "services"))
    context.load_verify_locations(authority(site, "servers"))
    return context
