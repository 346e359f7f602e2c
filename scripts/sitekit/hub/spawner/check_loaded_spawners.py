"""List the spawners that JupyterHub has in memory, and end the hub if a spawner has a wrong class.

A spawner of another class starts servers as processes of the hub's machine, and treats running
servers as stopped.
"""

from __future__ import annotations

import os
import sys

from jupyterhub.app import JupyterHub

from .tier_spawner import TierSpawner


def spawners() -> list[TierSpawner]:
    """Return the spawners of all users that JupyterHub has in memory.

    JupyterHub has a spawner in memory for each user who has a server, or had a server since the hub
    started. Call this function only after JupyterHub has loaded its users
    (overrides/start_loops_after_users.py).
    """
    found = [
        spawner
        for user in JupyterHub.instance().users.values()
        for spawner in user.spawners.values()
    ]
    for spawner in found:
        check_class(type(spawner))
    return found


def check_class(spawner_class: type | None) -> None:
    """Stop the hub if the class does not derive from TierSpawner.

    The value None means JupyterHub's default class.
    """
    if spawner_class and issubclass(spawner_class, TierSpawner):
        return
    name = "JupyterHub's default"
    if spawner_class:
        name = f"{spawner_class.__module__}.{spawner_class.__qualname__}"
    JupyterHub.instance().log.critical(
        "The hub ends: the class of its users' spawners is %s, not sitekit's TierSpawner, and would take running "
        "servers for stopped. Look in %s/local.d for `spawner_class`, and for code that reads JupyterHub.users.",
        name,
        TierSpawner.hub_state.site.etc,
    )
    sys.exit(os.EX_CONFIG)
