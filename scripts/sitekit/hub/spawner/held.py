"""The spawners that JupyterHub holds. Each has to be a TierSpawner; a hub that has another one
ends.

Another class starts servers as processes of this host, and takes jobs that run for servers that
have stopped.
"""

from __future__ import annotations

import os
import sys

from jupyterhub.app import JupyterHub

from .tier_spawner import TierSpawner


def spawners() -> list[TierSpawner]:
    """Those of all users that JupyterHub has in memory: whoever has a server, or had one since the
    hub started.

    Only to be called once JupyterHub has its users (hub/loops.py).
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
    """End the hub where servers would be started by this class; None is JupyterHub's own default."""
    if spawner_class and issubclass(spawner_class, TierSpawner):
        return
    found = (
        f"{spawner_class.__module__}.{spawner_class.__qualname__}"
        if spawner_class
        else "JupyterHub's default"
    )
    JupyterHub.instance().log.critical(
        "The hub ends: the class of its users' spawners is %s, not sitekit's TierSpawner, and would take running "
        "servers for stopped. Look in %s/local.d for `spawner_class`, and for code that reads JupyterHub.users.",
        found,
        TierSpawner.life.site.etc,
    )
    sys.exit(os.EX_CONFIG)
