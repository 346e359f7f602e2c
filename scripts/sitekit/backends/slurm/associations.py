"""What Slurm lets a user name: accounts and reservations, asked once and remembered for a while."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time

from ...site import Site
from ..interface import NoAnswer
from .privacy import hidden_associations, to_see_them
from .transport import ask_slurm

log = logging.getLogger(__name__)

KEPT = 300.0  # seconds that an answer is believed
PATIENCE = 2.0  # seconds that a page waits for an answer


class Names:
    """A cache of names per question. None stands for a scheduler that does not answer."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._told = ""

    async def accounts(self, user: str) -> tuple[str, ...] | None:
        """The accounts that `user` may charge (sacctmgr's associations)."""
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
        """Whether "no accounts" is no answer, because they are not shown to the hub. Its log says
        so once."""
        hub = self._site.hub.user
        with contextlib.suppress(NoAnswer):
            if hidden := await hidden_associations(self._site, hub):
                if hidden != self._told:
                    log.error("%s from the hub. Run: %s", hidden, to_see_them(hub))
                self._told = hidden
                return True
        return False

    async def reservations(
        self, user: str, accounts: tuple[str, ...] | None
    ) -> tuple[str, ...] | None:
        """The reservations that name `user`, or one of the accounts, or everybody."""
        lines = await self._ask(
            "reservations", "scontrol", ("--oneliner", "show", "reservation"), r"(?m)^(Reserv.*)$"
        )
        return (
            None
            if lines is None
            else tuple(filter(None, (_open_to(line, user, accounts or ()) for line in lines)))
        )

    async def _ask(
        self, key: str, program: str, words: tuple[str, ...], form: str
    ) -> tuple[str, ...] | None:
        known = self._known.get(key)
        if known is None or time.monotonic() - known[0] > KEPT:
            with contextlib.suppress(NoAnswer, TimeoutError, asyncio.TimeoutError):
                answer = await ask_slurm(self._site, program, *words, timeout=PATIENCE)
                if answer.code == 0:
                    known = (time.monotonic(), tuple(dict.fromkeys(re.findall(form, answer.out))))
                    self._known[key] = known
        return known[1] if known else None


def _open_to(line: str, user: str, accounts: tuple[str, ...]) -> str | None:
    # the first of each: a comment, which is last, is text
    fields = dict(reversed(re.findall(r"(\w+)=(\S*)", line)))
    users = set(fields.get("Users", "").split(",")) - {"", "(null)"}
    wanted = set(fields.get("Accounts", "").split(",")) - {"", "(null)"}
    if (users and user not in users) or (wanted and wanted.isdisjoint(accounts)):
        return None
    return fields.get("ReservationName")
