"""Prepare the submission of a server: write its row in the ledger, and collect its variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub import orm
from jupyterhub.utils import utcnow
from sqlalchemy.orm import object_session

from ..servers.hub_state import longest
from ..servers.idle_limits import session_environment
from .directory import uid_of

if TYPE_CHECKING:
    from .server import Server


async def record_start(server: Server) -> str:
    """Write the row of this start in the ledger. Return its tag."""
    life, user = server.life, server.user.name
    token = orm.APIToken.find(object_session(server.orm_spawner), server.api_token)
    account = life.account_of(user)
    tag = life.ledger.intend(
        user,
        server.name,
        token.hashed if token else None,
        server.choice.as_dict(),
        backend=server.backend_name,
        account=account,
        uid=await uid_of(account),
    )
    if token:
        lifetime = longest(server.choice.time, server.start_timeout)
        token.expires_at = utcnow(with_tz=False) + lifetime
    if life.site.internal_tls:
        life.ledger.certified(tag)
    return tag


def variables_of(server: Server) -> dict[str, str]:
    """Return JupyterHub's variables for its single-user server. Backends accept no others."""
    wanted = ("JUPYTERHUB_", "MEM_", "CPU_")
    variables = {k: str(value) for k, value in server.get_env().items() if k.startswith(wanted)}
    tier = server.life.site.tier(server.choice.tier)
    lifetime = longest(server.choice.time, server.start_timeout)
    return {
        **variables,
        **session_environment(tier, server.choice),
        **server.life.certificate(server.tag, lifetime),
    }
