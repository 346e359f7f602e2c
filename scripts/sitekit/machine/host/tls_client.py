"""TLS as it is spoken to the site's own web server, without asking whose certificate it shows."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def spoken(
    address: str, port: int, patience: float, name: str | None = None
) -> Iterator[ssl.SSLSocket]:
    """A connection after the handshake, in which `name` is asked for; `patience` is in seconds.
    Raises OSError."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((address, port), patience) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        yield tls
