"""Once an hour, read the expiry times of the web server's certificate and of the certificates for
internal TLS."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from ...contracts.internal_tls import folder
from ...site import Site
from .metrics import CERTIFICATES

log = logging.getLogger(__name__)

EVERY, AGAIN = 3600.0, 60.0  # seconds; AGAIN is the pause if a certificate could not be read
PATIENCE = 10.0  # seconds to wait for the web server on this host
_expiries: dict[str, float] = {}
"""The expiry time of each certificate, in seconds since the epoch, from the last read."""


async def run(site: Site) -> None:
    """Set the metric of each certificate again and again, until the hub ends."""
    while True:
        await asyncio.sleep(EVERY if await read_expiries(site) else AGAIN)


async def read_expiries(site: Site) -> bool:
    """Read the expiry time of each certificate; return False if a certificate could not be read."""
    readers: dict[str, Callable[[], Awaitable[bytes]]] = {"front": lambda: shown_by_front(site)}
    if site.internal_tls:
        readers["internal"] = lambda: _first(folder(site) / "hub.pem")
    all_read = True
    for name, read in readers.items():
        try:
            _expiries[name] = expiry(await read())
            CERTIFICATES.labels(name).set(_expiries[name])
        except (OSError, ValueError, asyncio.TimeoutError) as trouble:
            log.debug("The certificate %s could not be read: %s", name, trouble)
            all_read = False
    return all_read


def days_left() -> dict[str, float]:
    """Return for how many days each certificate is still valid."""
    return {name: round((at - time.time()) / 86400, 1) for name, at in _expiries.items()}


async def shown_by_front(site: Site) -> bytes:
    """Return the certificate, in DER, that the web server on this host presents. Raises OSError if
    the web server does not answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # because only the date is read, and nothing is sent
    context.verify_mode = ssl.CERT_NONE
    name = site.front.host
    opening = asyncio.open_connection(
        "127.0.0.1", site.front.port, ssl=context, server_hostname=name
    )
    _, writer = await asyncio.wait_for(opening, PATIENCE)
    try:
        return writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
    finally:
        writer.close()


async def _first(path: Path) -> bytes:
    """Return the first certificate in a file, converted to DER. Raises OSError if the file cannot
    be read, or ValueError if the file contains no certificate."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    text = path.read_text()
    return ssl.PEM_cert_to_DER_cert(text[text.index(begin) : text.index(end) + len(end)])


def expiry(certificate: bytes) -> float:
    """Return when a certificate in DER expires, in seconds since the epoch. Raises ValueError if
    `certificate` is not a certificate."""
    from cryptography.x509 import load_der_x509_certificate

    return load_der_x509_certificate(certificate).not_valid_after_utc.timestamp()
