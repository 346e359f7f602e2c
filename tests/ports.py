"""Find a port that is free for a program that a test starts."""

from __future__ import annotations

import os
import re
import secrets
import socket
from contextlib import suppress

FIRST, PORTS = 10_000, 8_000
"""Linux gives the ports of its own range (32768 to 60999) to connections at any time, and the demo's
servers have those from 20000 to 30000."""
PROCESSES = 8
"""The highest number of processes of a run whose ports differ."""
_given: set[int] = set()


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens, and each port only once.

    Processes of one run have different ports: the program that the port is for takes it later.
    """
    found = re.search(r"\d+", os.environ.get("PYTEST_XDIST_WORKER", "gw0"))
    process = int(found[0]) % PROCESSES if found else 0
    while True:
        port = FIRST + PROCESSES * secrets.randbelow(PORTS // PROCESSES) + process
        if port in _given and len(_given) < PORTS // PROCESSES // 2:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port
