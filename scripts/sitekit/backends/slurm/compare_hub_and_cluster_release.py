"""For a hub outside the cluster: compare the release on the cluster, from which servers start, with
the release from which the hub runs.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

from ...site import Site
from ..start_and_job_records import NoAnswer, Refused
from .jupyterhub_and_sitekit_versions import Versions, misfit, versions_in, versions_of
from .ssh import Ssh

# seconds until the releases are compared again, because many users may start servers at the same time
KEPT = 5.0
ANSWER = 64 * 1024  # bytes
log = logging.getLogger(__name__)


async def ask_release(site: Site) -> Versions:
    """Query the gate on the login node for the release from which users' servers start.

    Raises NoAnswer, or Refused with the gate's reason. A gate of an older sitekit refuses the
    request, because the gate has no verb `release`.
    """
    assert site.slurm.ssh is not None, "the caller checks it"  # noqa: S101
    gate = Ssh(site, site.slurm.ssh.account)
    answer = await gate.run([], json.dumps({"verb": "release"}), most=ANSWER)
    try:
        reply = json.loads(answer.out)
        if reply["ok"] is True:
            return versions_in(reply["release"])
        error = str(reply["error"])[:500]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise NoAnswer("the login node did not name the servers' release") from None
    raise Refused("gate", "".join(sign for sign in error if sign.isprintable()))


class ServersRelease:
    """Refuse starts of servers as long as the servers' release does not fit the hub's release.

    If the login node does not answer, no start is refused. The current release can change while a
    job waits in the queue. In this case, the server starts from another release than the release
    that was compared.
    """

    def __init__(self, site: Site, release: Path = Path(sys.prefix)) -> None:
        self._site, self._release = site, release
        self._ours: Versions | None = None
        self._fits_until = 0.0

    async def check(self) -> None:
        """Raise Refused if the servers' release does not fit the hub's release."""
        if self._site.slurm.ssh is None or time.monotonic() < self._fits_until:
            return
        try:
            # read a single time, because a running hub never changes to another release
            self._ours = self._ours or versions_of(self._release)
            why = misfit(self._ours, await ask_release(self._site))
        except (NoAnswer, Refused, OSError, ValueError) as error:
            log.warning("The servers' release is not compared with the hub's: %s", error)
            why = None
        if why:
            raise Refused("release", why)
        self._fits_until = time.monotonic() + KEPT
