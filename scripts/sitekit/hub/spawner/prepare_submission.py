"""Prepare the submission of a server's job: record the start in the ledger, and collect the
environment variables."""

from __future__ import annotations

from jupyterhub import orm
from jupyterhub.spawner import Spawner
from jupyterhub.utils import utcnow
from sqlalchemy.orm import object_session

from ...backends.resource_choice import Choice
from ..servers.activity_interval_and_stop_delay import session_environment
from ..servers.log_start_steps import log_start
from ..servers.shared_objects import HubState, longest_run
from .look_up_unix_accounts import uid_of


async def record_start(hub_state: HubState, spawner: Spawner, choice: Choice, backend: str) -> str:
    """Record this start in the ledger before the job is submitted. Return the tag, a random text
    that identifies the start.

    The API token of the server expires when the server can no longer run.
    """
    user = spawner.user.name
    token = orm.APIToken.find(object_session(spawner.orm_spawner), spawner.api_token)
    account = hub_state.account_of(user)
    tag = hub_state.ledger.record_intent(
        user,
        spawner.name,
        token.hashed if token else None,
        choice.as_dict(),
        backend=backend,
        account=account,
        uid=await uid_of(account) if hub_state.knows_accounts else None,
    )
    if token:
        token.expires_at = utcnow(with_tz=False) + longest_run(choice.time, spawner.start_timeout)
    if hub_state.site.internal_tls:
        hub_state.ledger.record_certificate(tag)
    log_start(tag, "requested", user=user, server=spawner.name, tier=choice.tier)
    return tag


def variables_of(hub_state: HubState, spawner: Spawner, tag: str, choice: Choice) -> dict[str, str]:
    """Return the environment variables that JupyterHub sets for its single-user server.

    Backends accept no other variables. Raises Refused if no tunnel can be opened for the server.
    """
    prefixes = ("JUPYTERHUB_", "MEM_", "CPU_")
    variables = spawner.get_env().items()
    environment = {key: str(value) for key, value in variables if key.startswith(prefixes)}
    environment |= session_environment(hub_state.tier(choice.tier), choice)
    lifetime = longest_run(choice.time, spawner.start_timeout)
    environment |= hub_state.certificate(tag, lifetime)
    return environment | hub_state.tunnel(tag, lifetime)
