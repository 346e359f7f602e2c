"""Remember the last login of each user at the provider, and check whether it still counts.

The ledger has who the user is at the provider, and what the provider said of the user. The
provider's tokens are in the hub's memory alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ...base.errors import shown
from ...site import Site
from .claims import Claims, Refusal, provider_of, service_of

if TYPE_CHECKING:
    from ..servers.ledger import Ledger

LOGIN_AGE = 12 * 3600.0
"""Seconds for which a login counts without another answer of the provider: a day at work."""
PAUSE = 60.0  # seconds for which a provider is not asked again that did not answer
MOST_TOKENS = 10_000  # users whose tokens are in the memory

Identity = tuple[str, str]
"""The provider, and its own number of a user."""
Ask = Callable[[Any], Awaitable[tuple[Identity, Claims]]]
"""Ask the provider, with a user's tokens, who the user is and what it says of the user now."""


class NoWord(Exception):
    """The provider does not answer, or cannot be asked, because no valid token is left."""


class LastLogins:
    """Remember the last login of each user."""

    def __init__(
        self, site: Site, ledger: Ledger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.site, self.ledger, self._clock = site, ledger, clock
        self._tokens: dict[str, tuple[Any, float]] = {}  # with the time until which they are valid
        self._silent_until = 0.0

    def check_identity(self, user: str, identity: Identity) -> None:
        """Raise Refusal if somebody else of this provider has this name here already.

        Providers give the names of users who have left to others, and many tell upper from lower
        case. Such a person would get the other person's files.
        """
        found = self._identity(user)
        if found and found != identity and found[0] == identity[0]:
            raise Refusal(
                f"The name {shown(user)} belongs to somebody else on this site, who has another account at "
                f"{service_of(self.site.login)}. Ask the administrators of this site. If you are the same "
                "person, they have to delete the user of this name from the hub."
            )

    def _identity(self, user: str) -> Identity | None:
        """Return who was admitted under this name."""
        found = self.ledger.login(user)
        return _split(found[0]) if found else None

    def knows(self, user: str, identity: Identity) -> bool:
        """Return whether this person has been admitted under this name.

        A person whom the site has not admitted takes nobody's name, also not after the site has
        changed to another provider.
        """
        return self._identity(user) == identity

    def record(self, user: str, identity: Identity, claims: Claims, tokens: Any = None) -> None:
        """Record what the provider has said of a user just now. Raises Refusal."""
        self.check_identity(user, identity)
        told = asdict(claims)
        told |= {key: sorted(told[key]) for key in ("organizations", "groups")}
        self.ledger.record_login(user, "\n".join(identity), told)
        if tokens is not None:
            self._tokens.pop(user, None)
            self._tokens[user] = tokens, self._clock() + _lasts(tokens)
            if len(self._tokens) > MOST_TOKENS:
                del self._tokens[next(iter(self._tokens))]

    def forget(self, user: str) -> None:
        """Forget a user who was deleted from the hub."""
        self._tokens.pop(user, None)
        self.ledger.forget_login(user)

    async def claims_now(self, user: str, ask: Ask) -> Claims:
        """Return what the provider says of a user now, or said at the last login.

        Raises Refusal if the user has to log in again.
        """
        found = self.ledger.login(user)
        if found is None:
            raise Refusal("no login at the provider is known")
        identity, told, at = _split(found[0]), found[1], found[2]
        if identity[0] != provider_of(self.site.login):
            raise Refusal("the last login was at another provider")
        try:
            return await self._ask(user, identity, ask)
        except NoWord:
            if not 0 <= time.time() - at < LOGIN_AGE:
                raise Refusal("the last login was too long ago") from None
        sets = {key: frozenset(told[key]) for key in ("organizations", "groups")}
        return Claims(**{**told, **sets})

    async def _ask(self, user: str, identity: Identity, ask: Ask) -> Claims:
        """Ask the provider, and record its answer. Raises Refusal and NoWord."""
        tokens, until = self._tokens.get(user, (None, 0.0))
        now = self._clock()
        if tokens is None or now >= until or now < self._silent_until:
            raise NoWord
        try:
            same, claims = await ask(tokens)
        except NoWord:
            self._silent_until = self._clock() + PAUSE
            raise
        except Refusal:
            self._tokens.pop(user, None)
            raise
        if (same, claims.name) != (identity, user):
            raise Refusal("the user has another name at the provider now")
        self.record(user, identity, claims)
        return claims


def _split(written: str) -> Identity:
    """Return an identity as the ledger has it."""
    provider, _, number = written.partition("\n")
    return provider, number


def _lasts(tokens: Any) -> float:
    """Return for how many seconds tokens are valid: until they are refused, if it is not said."""
    lasts: Any = tokens.get("expires_in") if isinstance(tokens, dict) else None
    try:
        return float(lasts)  # some providers write it as text
    except (TypeError, ValueError):
        return math.inf
