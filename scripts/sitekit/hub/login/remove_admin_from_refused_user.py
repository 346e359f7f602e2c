"""Remove the rights of an administrator from a user who is no longer allowed to log in."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger("JupyterHub")


async def take_rights(handler: Any, name: str) -> None:
    """Remove the rights of an administrator from a user who is no longer allowed to log in.

    JupyterHub itself does not change a user whose login is refused or who has to log in again.
    Without take_rights(), the API tokens of a former administrator would keep all rights.
    """
    user = handler.find_user(name)
    if user is not None and user.admin:
        log.warning("%s is no administrator any more", name)
        await handler.auth_to_user({"name": name, "admin": False}, user)
