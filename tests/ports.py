"""Find a port that is free for a program that a test starts."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens.

    Linux gives the ports of its own range (32768 to 60999) to connections at any time, and the
    demo's servers have those from 20000 to 30000.
    """
    while True:
        port = 10_000 + secrets.randbelow(8_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
