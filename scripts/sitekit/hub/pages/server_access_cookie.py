"""Write and read the cookie that lists the users whose servers a browser may open.

The proxy also checks the cookie (proxy/owners.mjs). The cookie has no secret, and a server does not
accept it as a login. The cookie proves that the hub has allowed this browser to open these servers.
Without the check of the cookie, a link could lead a user to pages of another user's server. At a
site where all servers share one domain, pages of another user's server could use the first user's
login.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

COOKIE = "__Host-sitekit-servers"
"""The prefix __Host- makes browsers accept the cookie from this host only.

Browsers accept such a cookie only over https, and only if the cookie is valid for all paths.
"""


@dataclass(frozen=True)
class Entry:
    """Describe which users' servers a browser may open after one login.

    `servers` maps each of these users to the time at which the permission ends, in seconds since
    the epoch. Entries with the same `id` belong to one login, and end together with that login.
    """

    user: str
    servers: Mapping[str, int] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def to(self, owner: str, until: float, now: float) -> Entry:
        """Return a new entry, with which the browser may also open the servers of one more owner.
        The new entry does not contain owners for whom the permission has expired."""
        kept = {name: end for name, end in self.servers.items() if end > now}
        return replace(self, servers=kept | {owner: int(until)})

    def opens(self, owner: str, now: float) -> bool:
        """Return whether the browser with this entry may open the servers of `owner` now."""
        return self.servers.get(owner, 0) > now


def key(token: str) -> bytes:
    """Return the key that signs the cookie. The key is derived from the secret that hub and proxy
    share."""
    return hmac.digest(token.encode(), COOKIE.encode(), "sha256")


def write_entry(entry: Entry, signing: bytes) -> str:
    """Return the value of the cookie for an entry, with its signature."""
    text = _encode(
        json.dumps({"user": entry.user, "servers": dict(entry.servers), "id": entry.id}).encode()
    )
    return f"{text}.{_encode(hmac.digest(signing, text.encode(), 'sha256'))}"


def read_entry(value: str, signing: bytes) -> Entry | None:
    """Return the entry in a cookie that this hub has signed, even if it has expired.

    Returns None for any other value.
    """
    text, _, mac = value.partition(".")
    if not hmac.compare_digest(
        mac.encode(), _encode(hmac.digest(signing, text.encode(), "sha256")).encode()
    ):
        return None
    return Entry(**json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
