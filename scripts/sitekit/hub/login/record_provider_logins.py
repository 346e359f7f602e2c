"""Record the last login of each user at the provider, and check whether this login is still valid.

The ledger contains the user's identity at the provider, and the provider's claims. The provider's
tokens are only in the hub's memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ...base.errors import shown
from ...base.language import gettext as _
from ...site import Site
from .claims import Claims, Refusal, provider_of, service_of

if TYPE_CHECKING:
    from ..ledger.ledger import Ledger

LOGIN_AGE = 12 * 3600.0
"""Seconds for which a login stays valid while the provider does not answer: one working day."""
PAUSE = 60.0  # seconds for which a provider that did not answer is not queried again
MOST_TOKENS = 10_000  # largest number of users whose tokens are kept in memory

Identity = tuple[str, str]
"""The provider, and the number that the provider has given to a user."""
Ask = Callable[[Any], Awaitable[tuple[Identity, Claims]]]
"""A function that requests from the provider, with a user's tokens, the user's identity and current
claims."""


class NoWord(Exception):
    """Report that the provider does not answer, or that the hub has no valid token with which to
    query the provider about the user."""


class LastLogins:
    """The identity, the claims and the tokens of each user's last login."""

    def __init__(
        self, site: Site, ledger: Ledger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.site, self.ledger, self._clock = site, ledger, clock
        self._tokens: dict[str, tuple[Any, float]] = {}  # a user's tokens, and when they expire
        self._silent_until = 0.0

    def check_identity(self, user: str, identity: Identity) -> None:
        """Raise Refusal if another person at this provider already uses this name at the hub.

        A provider can give the name of a former user to another person, and many providers have
        different users `Bob` and `bob`. If the identity were not checked, a new person with a
        former user's name would get the former user's files.
        """
        found = self._identity(user)
        if found and found != identity and found[0] == identity[0]:
            raise Refusal(
                _(
                    "The name {name} belongs to somebody else on this site, who has another account "
                    "at {service}. Ask the administrators of this site. If you are the same person, "
                    "they have to delete the user of this name from the hub.",
                    name=shown(user),
                    service=service_of(self.site.login),
                )
            )

    def _identity(self, user: str) -> Identity | None:
        """Return the identity that was recorded for this name at an earlier login."""
        found = self.ledger.login(user)
        return _split(found[0]) if found else None

    def knows(self, user: str, identity: Identity) -> bool:
        """Return whether this person has already logged in under this name.

        Only a successful login records a name, also at a site that has changed to another provider.
        """
        return self._identity(user) == identity

    def record(self, user: str, identity: Identity, claims: Claims, tokens: Any = None) -> None:
        """Record the provider's new answer about a user. Raises Refusal if another person at this
        provider already uses this name at the hub."""
        self.check_identity(user, identity)
        told = asdict(claims)
        told |= {key: sorted(told[key]) for key in ("organizations", "groups")}
        if not claims.account:
            del told["account"]  # an older release of the hub reads this record after a rollback
        self.ledger.record_login(user, "\n".join(identity), told)
        if tokens is not None:
            self._tokens.pop(user, None)
            self._tokens[user] = tokens, self._clock() + _lasts(tokens)
            if len(self._tokens) > MOST_TOKENS:
                del self._tokens[next(iter(self._tokens))]

    def forget(self, user: str) -> None:
        """Delete the records of a user who was deleted from the hub."""
        self._tokens.pop(user, None)
        self.ledger.forget_login(user)

    async def claims_now(self, user: str, ask: Ask) -> Claims:
        """Return the provider's present claims about a user, or the claims of the last login if the
        provider cannot be queried.

        Raises Refusal if the user has to log in again.
        """
        found = self.ledger.login(user)
        if found is None:
            raise Refusal(_("no login at the provider is known"))
        identity, told, at = _split(found[0]), found[1], found[2]
        if identity[0] != provider_of(self.site.login):
            raise Refusal(_("the last login was at another provider"))
        try:
            return await self._ask(user, identity, ask)
        except NoWord:
            if not 0 <= time.time() - at < LOGIN_AGE:
                raise Refusal(_("the last login was too long ago")) from None
        sets = {key: frozenset(told[key]) for key in ("organizations", "groups")}
        return Claims(**{**told, **sets})

    async def _ask(self, user: str, identity: Identity, ask: Ask) -> Claims:
        """Query the provider for a user's claims, and record them. Raises Refusal if the provider
        refuses, or NoWord if the provider does not answer."""
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
            raise Refusal(_("the user has another name at the provider now"))
        self.record(user, identity, claims)
        return claims


def _split(written: str) -> Identity:
    """Split the text of an identity from the ledger into the login provider and the provider's
    number for this user."""
    provider, _, number = written.partition("\n")
    return provider, number


def _lasts(tokens: Any) -> float:
    """Return for how many seconds the provider's tokens are valid. If the provider's answer does
    not contain a lifetime, the tokens are used until the provider refuses them."""
    lasts: Any = tokens.get("expires_in") if isinstance(tokens, dict) else None
    try:
        return float(lasts)  # some providers write the number as text
    except (TypeError, ValueError):
        return math.inf
