"""Query Slurm for the Slurm accounts and reservations that a user is allowed to request, and cache
Slurm's answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time

from ...site import Site
from ..start_and_job_records import NoAnswer
from .private_data import hidden_associations, to_see_them
from .transport import ask_slurm

log = logging.getLogger(__name__)

KEPT = 300.0  # seconds that an answer is cached
SLURM_TIMEOUT = 2.0  # seconds that a page waits for an answer


class Names:
    """Cache the names of Slurm accounts and reservations that Slurm returned for each user. The
    methods return None instead of names if Slurm does not answer.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._logged = ""

    async def accounts(self, user: str) -> tuple[str, ...] | None:
        """Return the Slurm accounts that `user` is allowed to charge (sacctmgr's associations)."""
        words = (
            "--noheader",
            "--parsable2",
            "show",
            "associations",
            f"user={user}",
            "format=Account",
        )
        found = await self._ask(f"accounts {user}", "sacctmgr", words, r"(?m)^([A-Za-z0-9_.-]+)$")
        return None if found == () and await self._hidden() else found

    async def _hidden(self) -> bool:
        """Return whether Slurm hides Slurm accounts from the hub. In this case, an empty list of
        accounts does not prove that the user has no accounts. The hub logs each such setting of
        Slurm once, not at each call.
        """
        hub = self._site.hub.user
        with contextlib.suppress(NoAnswer):
            if hidden := await hidden_associations(self._site, hub):
                if hidden != self._logged:
                    log.error("%s from the hub. Run: %s", hidden, to_see_them(hub))
                self._logged = hidden
                return True
        return False

    async def reservations(
        self, user: str, accounts: tuple[str, ...] | None
    ) -> tuple[str, ...] | None:
        """Return the names of the reservations that `user`, one of the accounts, or everybody is
        allowed to use.
        """
        lines = await self._ask(
            "reservations", "scontrol", ("--oneliner", "show", "reservation"), r"(?m)^(Reserv.*)$"
        )
        if lines is None:
            return None
        names = [_open_to(line, user, accounts or ()) for line in lines]
        return tuple(name for name in names if name)

    async def _ask(
        self, key: str, program: str, words: tuple[str, ...], form: str
    ) -> tuple[str, ...] | None:
        """Run a program of Slurm, or use its cached output, and return the names in the output."""
        known = self._known.get(key)
        if known is None or time.monotonic() - known[0] > KEPT:
            with contextlib.suppress(NoAnswer, TimeoutError, asyncio.TimeoutError):
                answer = await ask_slurm(self._site, program, *words, timeout=SLURM_TIMEOUT)
                if answer.code == 0:
                    known = (time.monotonic(), tuple(dict.fromkeys(re.findall(form, answer.out))))
                    self._known[key] = known
        return known[1] if known else None


def _open_to(line: str, user: str, accounts: tuple[str, ...]) -> str | None:
    """Return the name of the reservation in this line of Slurm's output; None if the user is not
    allowed to use the reservation.
    """
    # Only the first value of each key is used, because the comment at the end may contain any key
    # again.
    fields = dict(reversed(re.findall(r"(\w+)=(\S*)", line)))
    users = set(fields.get("Users", "").split(",")) - {"", "(null)"}
    allowed = set(fields.get("Accounts", "").split(",")) - {"", "(null)"}
    if (users and user not in users) or (allowed and allowed.isdisjoint(accounts)):
        return None
    return fields.get("ReservationName")
