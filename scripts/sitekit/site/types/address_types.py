"""Define the types of addresses in a site file: hosts, networks, URLs, e-mail.

Each error message describes a correct value. sitekit writes these addresses into the configuration
of web servers. An address is refused if it contains a character that has a special meaning in the
web server's configuration.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from ...base.errors import Unfit, shown

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")


def is_host(name: str) -> bool:
    """Return whether `name` is a host name or an IP address, without a port."""
    return is_ip(name) or (bool(_HOST.fullmatch(name)) and not re.fullmatch(r"[0-9.]+", name))


def is_ip(name: str) -> bool:
    """Return whether `name` is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _address(name: str) -> str:
    """Accept only a host name or an IP address, without a port."""
    if not is_host(name):
        raise Unfit(
            f"{shown(name)} is not an address",
            "write a host name or an IP address, without port, like 10.1.0.5",
        )
    return name


def _https(url: str) -> str:
    """Accept only the https URL of a host, without a path."""
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:  # the port is not a number or is too large, or a bracket is not closed
        good = False
    if url.startswith("http:"):
        raise Unfit(
            f"{shown(url)} is not https",
            f"write {shown('https' + url[4:])}: passwords must not be sent without encryption",
        )
    if (
        not good
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise Unfit(
            f"{shown(url)} is not the https address of a host",
            "write a host without a path, like https://jupyter.example.org, with :port if it is not 443",
        )
    return url.rstrip("/")


def _repositories(url: str) -> str:
    """Accept only the https URL of a host with git repositories, such as `https://github.com`, or
    of a path on this host.
    """
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    _https(f"{scheme}://{host}" if host else url)
    if path and (
        not re.fullmatch(r"[A-Za-z0-9_~.-]+(/[A-Za-z0-9_~.-]+)*/?", path) or ".." in path.split("/")
    ):
        raise Unfit(
            f"{shown(url)} is not the address of git repositories",
            "write it like https://git.example.org/courses",
        )
    return url.rstrip("/")


def _repository(url: str) -> str:
    """Accept only the https URL of one git repository."""
    if not urlsplit(_repositories(url)).path.strip("/"):
        raise Unfit(
            f"{shown(url)} names no repository",
            "write it in full, like https://github.com/example-university/workshop",
        )
    return url.rstrip("/")


def _url(url: str) -> str:
    """Accept only an https URL, with or without a path.

    Spaces, quotes, '%' and '$' have a special meaning in the configuration of web servers, and are
    refused.
    """
    parts = urlsplit(url)
    if not re.fullmatch(r"https://[A-Za-z0-9._~:/?&=+@,-]+", url) or not is_host(
        parts.hostname or ""
    ):
        raise Unfit(
            f"{shown(url)} is not an https address",
            "write it like https://login.example.org/directory",
        )
    return url


def _network(text: str) -> str:
    """Accept only an IP network, such as `10.1.0.0/16`."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise Unfit(
            f"{shown(text)} is not a network", "write it like 130.233.0.0/16 or 2001:708::/32"
        ) from None


def _email(text: str) -> str:
    """Accept only an e-mail address."""
    name, _, host = text.rpartition("@")
    if not re.fullmatch(r"[A-Za-z0-9._+-]{1,64}", name) or not is_host(host):
        raise Unfit(
            f"{shown(text)} is not an e-mail address",
            "write an address whose mail somebody reads, like hpc-admins@example.org",
        )
    return text


def _web_address(url: str) -> str:
    """Accept only the URL of an HTTP proxy or of a mirror, without a password."""
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("http", "https") and is_host(parts.hostname or "") and parts.port != 0
        )
    except ValueError:
        good = False
    if not good or re.search(r"[\s'\"]", url):
        raise Unfit(
            f"{shown(url)} is not a web address",
            "write it in full, like http://proxy.example.org:3128",
        )
    if urlsplit(url).username is not None:
        raise Unfit(
            f"{shown(url.split('@')[-1])} contains a password, and everybody may read this file",
            "leave the password out; environment.credentials names a file for those of channels",
        )
    return url


Address = Annotated[str, AfterValidator(_address)]
Email = Annotated[str, AfterValidator(_email)]
HttpsUrl = Annotated[str, AfterValidator(_https)]
Network = Annotated[str, AfterValidator(_network)]
Repositories = Annotated[str, AfterValidator(_repositories)]
Repository = Annotated[str, AfterValidator(_repository)]
Url = Annotated[str, AfterValidator(_url)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
