"""Open TLS connections to servers on this machine, without checking their certificates."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def open_tls_connection(
    address: str, port: int, patience: float, name: str | None = None
) -> Iterator[ssl.SSLSocket]:
    """Open a TLS connection to a server, yield the connection, and close it. Raises OSError.

    `name` is the host name that the client sends (SNI). `patience` is the time limit in seconds.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((address, port), patience) as plain,
        context.wrap_socket(plain, server_hostname=name) as tls,
    ):
        yield tls
