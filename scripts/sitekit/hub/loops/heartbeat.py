"""Tell systemd that the hub is ready, and that its event loop still turns: sd_notify(3),
sd_watchdog_enabled(3).

Under another supervisor nobody has asked, and nothing is said.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import socket

from jupyterhub.app import JupyterHub

STARTING = 0.2  # seconds between two looks at whether the hub listens


async def run() -> None:
    """Say READY=1 once the hub listens, then WATCHDOG=1 twice in each interval. A hub that hangs
    falls silent."""
    # systemd ends a hub that hangs by SIGABRT: the journal then shows where it hung
    faulthandler.enable()
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    while JupyterHub.instance().http_server is None:
        await asyncio.sleep(STARTING)
    tell(address, "READY=1")
    interval = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while interval:
        tell(address, "WATCHDOG=1")
        await asyncio.sleep(interval / 2)


def tell(address: str, word: str) -> None:
    """Raises OSError. An address that begins with @ is in the abstract namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.sendto(
            word.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address
        )
