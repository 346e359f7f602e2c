"""Read the user's name from the headers of the front, and check that the front has sent them."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Sequence

from ...base.language import gettext as _
from .claims import Refusal

log = logging.getLogger("JupyterHub")


def user_of(users: Sequence[str], proofs: Sequence[str], secret: str) -> str:
    """Return the user's name from the headers of a request. `users` are the values of all headers
    with a name, and `proofs` the values of all headers with the secret. Raises Refusal if the
    secret is wrong, or if there is not exactly one name. If the hub has no secret, all headers are
    refused.
    """
    proven = bool(secret) and len(proofs) == 1
    if not proven or not hmac.compare_digest(proofs[0].encode(), secret.encode()):
        log.error("A request for a login did not come from the front, and was refused")
        raise Refusal(_("This login did not come from this site's web server."))
    if len(users) != 1 or not users[0] or not users[0].isascii():
        raise Refusal(
            _(
                "The login of your organization did not return your name. Tell the administrators of "
                "this site."
            )
        )
    return users[0]
