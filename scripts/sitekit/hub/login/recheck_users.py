"""Check again, long after the login, whether a user may still use the site."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ...site import Site
from ..servers.unix_accounts_of_users import AccountMap, NoAccount, NotNow
from .claims import Claims, Refusal, are_meant
from .remove_admin_from_refused_user import take_rights

log = logging.getLogger("JupyterHub")


async def check_again(
    site: Site,
    accounts: AccountMap,
    user: Any,
    handler: Any,
    *,
    find_claims: Callable[[], Awaitable[Claims]],
    admit: Callable[[Claims], Awaitable[None]],
) -> Any:
    """Return JupyterHub's data about the user, or False if the user has to log in again.

    `find_claims` returns the claims that are valid now. `admit` raises Refusal or NoAccount if a
    user with these claims is not allowed to have servers. If the account cannot be looked up now,
    the account of the last login stays valid.
    """
    try:
        claims = await find_claims()
        try:
            await admit(claims)
        except NotNow as later:
            log.warning("The account of %s is not looked up again: %s", user.name, later)
    except (Refusal, NoAccount) as refusal:
        log.warning("%s has to log in again: %s", user.name, refusal)
        accounts.refused[user.name] = str(refusal)
        await take_rights(handler, user.name)
        return False
    accounts.refused.pop(user.name, None)
    return {"name": user.name, "admin": are_meant(site.login.admins, claims)}
