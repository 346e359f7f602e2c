"""Generate the configuration of the web server in front of the hub: the machine's own web server,
or a separate web server for this site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...base.templates import templates
from ...contracts.front_login import HEADERS, PAGE, web_server_file
from ...contracts.internal_tls import PROXY, authority, certificate_and_key
from ...site import Site
from ...site.sections.front import Certificate
from ..host.file_to_write import File
from ..host.platform import Platform, WebServer

RELOAD = {"apache": "USR1", "nginx": "HUP"}
"""The signal for a graceful reload, in which the web server opens new logs and certificates. Open
connections continue."""

# The lifetime of HSTS is two years, as security scanners require. For localhost, the lifetime is
# five minutes, because other programs of this machine also use localhost.
_HSTS, _HSTS_LOCALHOST = 63072000, 300
# Mozilla's intermediate profile, version 5.7, without the DHE suites. For DHE suites, a server
# would need its own Diffie-Hellman parameters.
_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
# JupyterHub's pages contain inline scripts and styles, so these must be allowed (page.html of 6.1).
# No website can show the hub's pages in a frame, as in JupyterHub's own policy. 'self' is not used
# for frames, because on one domain, 'self' would include every user's server.
_CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'; form-action 'self'"
)
_BANNERS = ("X-Powered-By", "X-JupyterHub-Version")
# Request headers in which a client could claim an identity or an address. The web server removes
# them.
_CLAIMS = (
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Scheme",
    "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Real-IP", "X-Scheme", "Proxy",
    "REMOTE_USER", "Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email",
    "X-Remote-User", "X-Remote-Group", "X-Remote-Groups", "X-Forwarded-User", "X-Forwarded-Email",
    "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Auth-Request-User", "X-Auth-Request-Email",
    "X-Authenticated-User", "X-Webauth-User",
)  # fmt: skip
_HUB_BODY = 65536
_AWAY = "JupyterHub does not answer. This page tries again; running servers are not affected."
_CLOSED = "JupyterHub is closed for maintenance. This page tries again; jobs keep running."


def certificate(site: Site) -> tuple[Path, Path]:
    """Return the paths of the web server's certificate and its key.

    With Apache and ACME, the certificate at the returned path is used only until mod_md has
    received a certificate.
    """
    if isinstance(site.front.certificate, Certificate):
        return site.front.certificate.certificate, site.front.certificate.key
    return site.etc / "tls" / "cert.pem", site.etc / "tls" / "key.pem"


def front_path(site: Site, platform: Platform) -> Path:
    """Return the path of the site's configuration file for the web server."""
    if site.front.instance == "own":
        return site.etc / f"{site.front.server}.conf"
    # The first virtual host of a port answers requests for unknown host names. The name begins with
    # `zz`, so that the files of other websites come first.
    return server(site, platform).sites / f"zz-sitekit-{site.name}.conf"


def read_by_front(site: Site, platform: Platform) -> set[Path]:
    """Return the files that the web server reads at a start or reload.

    The result includes generated files and the site's own directives.
    """
    extra = site.etc / "local.d" / f"{site.front.server}.conf"
    internal = towards_proxy(site) if site.internal_tls else ()
    return {
        front_path(site, platform),
        *certificate(site),
        site.etc / "tls/openid.conf",
        web_server_file(site),
        *([site.login.directives] if site.login.directives else []),
        extra,
        *internal,
    }


def towards_proxy(site: Site) -> tuple[Path, Path]:
    """Return the certificate that the web server presents to the proxy, and the authority that
    signs the proxy's certificate."""
    return certificate_and_key(site, "front"), authority(site, "services")


def server(site: Site, platform: Platform) -> WebServer:
    """Return the description of the distribution's Apache or nginx, whichever the site uses."""
    return platform.nginx if site.front.server == "nginx" else platform.apache


def modules(site: Site) -> list[str]:
    """Return the Apache modules that the site needs, except the modules that are always loaded."""
    wanted = ["alias", "headers", "proxy", "proxy_http", "reqtimeout", "setenvif", "ssl"]
    wanted += ["md"] if site.front.certificate == "acme" else []
    if site.front.outside:
        own = {"openid": "auth_openidc", "shibboleth": "shib"}[site.front.outside.method]
        wanted += ["authn_core", "authz_host", "authz_user", own]
    if site.login.method == "front":
        wanted += ["authn_core", "authz_user", *site.login.modules]
    return sorted(set(wanted))


def take_certificate(site: Site) -> Path:
    """Return the path of the program that certbot calls after it has received a certificate."""
    return site.libexec / "take_certificate"


def front(site: Site, platform: Platform) -> dict[Path, File]:
    """Return the site's configuration files for the web server and, if certbot is used, the program
    that certbot calls."""
    kind = "standalone.conf.j2" if site.front.instance == "own" else "site.conf.j2"
    name = f"nginx/{kind}" if site.front.server == "nginx" else kind
    values = _template_values(site, platform)
    files = {front_path(site, platform): File(_rendered(name, values))}
    if (site.front.server, site.front.certificate) == ("nginx", "acme"):
        values["path"] = front_path(site, platform)
        program = _rendered("nginx/take_certificate.j2", values)
        files[take_certificate(site)] = File(program, 0o755)
    return files


def _rendered(name: str, values: dict[str, Any]) -> str:
    """Return the text of the template with this name, with the values filled in."""
    return templates("apache").get_template(name).render(**values) + "\n"


def _template_values(site: Site, platform: Platform) -> dict[str, Any]:
    """Return the values for the templates of Apache and nginx: name -> value."""
    cert, key = certificate(site)
    headers = _headers(site)
    return {
        "site": site,
        "apache": platform.apache,
        "nginx": platform.nginx,
        "modules": modules(site),
        "names": _host_names(site),
        **_listening(site),
        "certificate": cert,
        "key": key,
        "ciphers": _CIPHERS,
        "stapling": _staples(site),
        "towards_proxy": towards_proxy(site),
        "proxy_name": PROXY,
        "headers": headers,
        "hidden": [*_BANNERS, *headers],
        "csp": _content_policy(site),
        "claims": _CLAIMS,
        "login_page": f"/hub{PAGE}",
        "login_headers": HEADERS,
        "login_secret": web_server_file(site),
        "hub_body": _HUB_BODY,
        "away": _page(site, _AWAY),
        "maintenance": _page(site, _CLOSED),
    }


def _host_names(site: Site) -> str:
    """Return the host names of the site, separated by spaces. If each user has a subdomain, a
    wildcard is added."""
    host = site.front.host
    return f"{host} *.{host}" if site.front.subdomains else host


def _is_local(site: Site) -> bool:
    """Return whether the site's host name is a loopback name, such as localhost. A site with a
    loopback name can be used only on this machine."""
    return site.front.host in ("localhost", "127.0.0.1")


def _listening(site: Site) -> dict[str, Any]:
    """Return the IP address at which the web server listens, and whether only clients on this
    machine are allowed.

    In the machine's own nginx, a socket for 127.0.0.1 would take over requests to other websites at
    this IP address. For this reason, the machine's own nginx checks the client's IP address instead
    of listening at 127.0.0.1.
    """
    by_client = (site.front.instance, site.front.server) == ("system", "nginx")
    return {
        "listen": "127.0.0.1:" if _is_local(site) and not by_client else "",
        "loopback_only": _is_local(site) and by_client,
    }


def _staples(site: Site) -> bool:
    """Return whether the web server sends OCSP responses together with its certificate (OCSP
    stapling).

    OCSP responses are sent only for a certificate that the site provides itself, because Let's
    Encrypt stopped OCSP in 2025. Apache has one cache of OCSP responses for all its websites. To
    leave other websites unchanged, sitekit does not enable OCSP stapling in the machine's own
    Apache. nginx needs no such cache.
    """
    own = isinstance(site.front.certificate, Certificate)
    return own and (site.front.instance, site.front.server) != ("system", "apache")


def _headers(site: Site) -> dict[str, str]:
    """Return the HTTP headers that the web server adds to each answer."""
    seconds = _HSTS_LOCALHOST if _is_local(site) else _HSTS
    below = "; includeSubDomains" if site.front.subdomains else ""
    return {
        "Strict-Transport-Security": f"max-age={seconds}{below}",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "strict-origin-when-cross-origin",
    }


def _content_policy(site: Site) -> str:
    """Return the Content-Security-Policy of the hub's pages.

    If each user has a subdomain, the policy also allows that the login form redirects to the host
    name of the user's server.
    """
    return f"{_CSP} {site.front.url.replace('://', '://*.')}" if site.front.subdomains else _CSP


def _page(site: Site, text: str) -> str:
    """Return an error page as HTML on one line, because the web server's configuration contains the
    page in double quotes."""
    return (
        templates("apache")
        .get_template("page.html.j2")
        .render(title=site.front.host, text=text)
        .strip()
    )
