"""Set where JupyterHub keeps its state: the database and the secret of its cookies."""

from __future__ import annotations

from typing import Any

from ..base.errors import Problem
from ..contracts.database_url import database_url, postgresql, restored_copy
from ..site import Site


def update_state(c: Any, site: Site) -> None:
    """Set the database, and put all other state on the hub's own disk, because SQLite loses data
    on a shared filesystem. Raises Problem if `make start` has to load a restored database first."""
    c.JupyterHub.db_url = database_url(site)
    # systemd may start a newer release after a crash or a boot. Before an upgrade of its database,
    # JupyterHub copies a SQLite database, but does not copy a PostgreSQL database. Therefore, only
    # `make start` upgrades a PostgreSQL database, after a backup.
    c.JupyterHub.upgrade_db = postgresql(site) is None
    if postgresql(site) and restored_copy(site).exists():
        what = "a restored database waits in this file, and the hub must not start without it"
        raise Problem(what, str(restored_copy(site)), "sudo make start loads it")
    c.JupyterHub.cookie_secret_file = str(site.paths.state / "cookie_secret")
