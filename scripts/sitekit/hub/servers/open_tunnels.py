"""Choose a port of the hub's machine for each server with a tunnel, and write the files by which
the site's sshd accepts the tunnels of running servers.

sshd accepts a job's certificate as long as a file exists whose name is the server's tag
(contracts/tunnel_paths.py). The hub writes the file with the server's tag (the id of its start) before it
submits the server's job. A loop removes the file after the server has ended. After a crash of the
hub, the loop that removes files also corrects files that do not match the ledger.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import socket
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ...backends.start_and_job_records import Refused
from ...contracts.tunnel_paths import SENT, entries
from ...site import Site
from ..ledger.ledger import Ledger

if TYPE_CHECKING:
    from .tunnel_certificates import TunnelCertificates

HERE = "127.0.0.1"
INTERVAL = 1.0  # seconds between two comparisons with the ledger
TAG = re.compile(r"[0-9a-f]{16}")


class Tunnels:
    """Choose a port for each server with a tunnel, and write and remove the files for the site's
    sshd."""

    def __init__(self, site: Site, ledger: Ledger) -> None:
        assert site.tunnel is not None, "HubState checks it"  # noqa: S101
        self._site, self._ledger = site, ledger
        self._ports, self._folder = site.tunnel.ports, entries(site)

    @cached_property
    def _certificates(self) -> TunnelCertificates:
        # Imported here, because `cryptography` is only in the hub's environment. sitekit's own
        # environment, whose programs read the ledger too, does not contain `cryptography`.
        from .tunnel_certificates import TunnelCertificates

        return TunnelCertificates(self._site)

    def open(self, tag: str, lasts: timedelta) -> dict[str, str]:
        """Allow the tunnel of a server whose job is about to be submitted, and return the
        environment variable for the job.

        Raises Refused if no port is free, if the file for sshd cannot be written, or if the keys
        are missing.
        """
        port = self._allot(tag)
        try:
            sent = self._certificates.issue(tag, port, lasts)
            self._write(tag, port)
        except OSError as error:
            raise Refused("tunnel", f"the tunnel cannot be opened: {error}") from None
        return {SENT: sent}

    def _allot(self, tag: str) -> int:
        """Choose and record a port that no other server has, and on which no program listens.
        Raises Refused if no such port is free."""
        low, high = self._ports
        for port in random.sample(range(low, high + 1), high + 1 - low):
            if _is_free(port) and self._ledger.record_tunnel(tag, port):
                return port
        raise Refused("tunnel", f"no port from {low} to {high} of the hub's machine is free")

    async def run(self) -> None:
        """Repeat until the hub ends: remove and write files so that the files match the ledger."""
        while True:
            self.agree(await asyncio.to_thread(self.listed))
            await asyncio.sleep(INTERVAL)

    def listed(self) -> set[str]:
        """Return the tags (ids of starts) of the servers for which the folder of tunnels contains a
        file."""
        return {name for name in os.listdir(self._folder) if TAG.fullmatch(name)}

    def agree(self, there: set[str]) -> None:
        """Remove the files of servers that have ended, and write missing files of open servers. The
        argument `there` contains the tags of the files that were listed before the ledger was read.
        A tag is recorded in the ledger before open() writes its file. Because of this order, the
        function agree() does not remove files that open() writes at the same time.
        """
        opened = self._ledger.open_tunnels()
        for tag in there - opened.keys():
            (self._folder / tag).unlink(missing_ok=True)
        for tag in opened.keys() - there:
            self._write(tag, opened[tag])

    def _write(self, tag: str, port: int) -> None:
        """Write the file for sshd. Because the account of sshd is a member of the folder's group,
        sshd can read the file."""
        place = Path(self._folder, f".{tag}")
        place.write_text(str(port))
        place.chmod(0o640)
        os.replace(place, self._folder / tag)


def _is_free(port: int) -> bool:
    """Return whether no program of this machine uses a port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HERE, port))
        except OSError:
            return False
    return True
