"""The cookie by which the proxy knows whose servers a browser may open: written here, checked by
proxy/owners.mjs.

It tells nothing secret and grants nothing at a server, which asks for the login itself. It says
that the hub was asked first, so that no link can lead somebody to another user's pages, which on
one domain could act with their login.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

COOKIE = "__Host-sitekit-servers"
"""With this prefix browsers take it from this very host alone, over https, and for all paths."""


@dataclass(frozen=True)
class Entry:
    """Of one login: `servers` are the users whose servers may be opened, and until when, in seconds
    since 1970.

    Cookies with the same `id` end together, when that login ends.
    """

    user: str
    servers: Mapping[str, int] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def to(self, owner: str, until: float, now: float) -> Entry:
        """The same with one more, and without what is over."""
        kept = {name: end for name, end in self.servers.items() if end > now}
        return replace(self, servers=kept | {owner: int(until)})

    def opens(self, owner: str, now: float) -> bool:
        return self.servers.get(owner, 0) > now


def key(token: str) -> bytes:
    """What signs it, from the secret between hub and proxy."""
    return hmac.digest(token.encode(), COOKIE.encode(), "sha256")


def write(entry: Entry, signing: bytes) -> str:
    """The cookie's value."""
    text = _encode(
        json.dumps({"user": entry.user, "servers": dict(entry.servers), "id": entry.id}).encode()
    )
    return f"{text}.{_encode(hmac.digest(signing, text.encode(), 'sha256'))}"


def read(value: str, signing: bytes) -> Entry | None:
    """What a cookie says that this hub has signed, whether over by now or not; None for any other."""
    text, _, mac = value.partition(".")
    if not hmac.compare_digest(
        mac.encode(), _encode(hmac.digest(signing, text.encode(), "sha256")).encode()
    ):
        return None
    return Entry(**json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
