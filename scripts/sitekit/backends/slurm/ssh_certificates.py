"""Sign OpenSSH user certificates, with which the hub runs the gate as a user's account.

A certificate is valid for some minutes, for one Unix account, and for connections from one source
IP address. The certificate allows only to run the gate. The hub keeps certificates in a folder that
only the hub can enter, and never copies certificates to the login node.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from ...base.public_key_path import public_key
from ...site import Site
from ..start_and_job_records import NoAnswer
from . import ssh_files as ssh
from .run_local_program import ENVIRONMENT, run_program

LIFETIME = 600  # seconds that a certificate is valid
RENEW = 120  # a new certificate is signed this number of seconds before the old one expires
CLOCKS = 60  # seconds by which the clocks of hub and login node may differ

_made: dict[tuple[str, str], float] = {}
"""Maps (site, account) to the time when the certificate was made, by the wall clock."""
_signing = asyncio.Lock()


async def certificate_of(site: Site, account: str) -> Path:
    """Return the path of a valid certificate for `account`; sign a new one if the old one expires
    soon. Raises NoAnswer if ssh-keygen fails.
    """
    place = ssh.sockets(site) / f"{account}-cert.pub"
    async with _signing:
        now = time.time()
        made = _made.get((site.name, account), 0.0)
        if not (made <= now < made + LIFETIME - RENEW and place.exists()):
            await _sign(site, account, place)
            _made[site.name, account] = now
    return place


async def _sign(site: Site, account: str, place: Path) -> None:
    """Write a new certificate for `account` to `place`. Raises NoAnswer."""
    public = place.with_name(f".{account}.pub")
    public.write_bytes(public_key(ssh.key(site)).read_bytes())
    assert site.slurm.ssh is not None, "only a site with a login node has certificates"  # noqa: S101
    words = ["ssh-keygen", "-q", "-s", str(ssh.user_authority(site))]
    words += ["-I", f"sitekit:{site.name}:{account}", "-n", account]
    words += ["-V", f"-{CLOCKS}s:+{LIFETIME}s", "-z", str(time.time_ns() // 1000)]
    words += ["-O", "clear", "-O", f"force-command={site.libexec / 'gate'}"]
    words += ["-O", f"source-address={site.slurm.ssh.source or site.hub.address}"]
    answer = await run_program([*words, str(public)], ENVIRONMENT)
    if answer.code:
        raise NoAnswer(f"no certificate for {account} could be signed: {answer.err[-500:]}")
    os.replace(public.with_name(f".{account}-cert.pub"), place)
