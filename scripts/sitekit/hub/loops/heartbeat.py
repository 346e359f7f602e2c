"""Notify systemd that the hub is ready, and that the hub's event loop still runs.

The man pages sd_notify(3) and sd_watchdog_enabled(3) describe the messages. A supervisor that sets
no NOTIFY_SOCKET, such as supervisord, is not notified.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import socket

from .wait_until_hub_listens import wait_until_hub_listens


async def run() -> None:
    """Send READY=1 as soon as the hub listens, then WATCHDOG=1 twice in each watchdog interval.

    If the hub hangs, the hub sends no WATCHDOG=1, and systemd restarts the hub.
    """
    # if the hub hangs, systemd ends it with SIGABRT; faulthandler then logs where the hub hung
    faulthandler.enable()
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    await wait_until_hub_listens()
    notify_systemd(address, "READY=1")
    interval = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while interval:
        notify_systemd(address, "WATCHDOG=1")
        await asyncio.sleep(interval / 2)


def notify_systemd(address: str, word: str) -> None:
    """Send one message, such as READY=1, to systemd's notification socket. Raises OSError if the
    message cannot be sent.

    A socket address that begins with @ is in the abstract namespace.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        if address.startswith("@"):
            address = address.replace("@", "\0", 1)
        to.sendto(word.encode(), address)
