"""Convert a hub's database to the schema of an older JupyterHub."""

from __future__ import annotations

import subprocess

from sitekit.contracts.database_url import database_url
from sitekit.machine.run import database
from sitekit.site import Site

DOWNGRADE = """
import subprocess, sys
from jupyterhub import dbutil
with dbutil._temp_alembic_ini(sys.argv[1]) as ini:
    subprocess.run(["alembic", "-c", ini, "downgrade", sys.argv[2]], check=True)
"""


def downgrade(site: Site) -> tuple[str, str]:
    """Convert the database to the schema before the release's schema.

    No hub may have the database open. Returns the release's schema and the older one.
    """
    wanted, older = database.known_revisions(site, site.current)[:2]
    in_release(site, DOWNGRADE, older)
    assert database.revision(site) == older
    return wanted, older


def in_release(site: Site, program: str, *words: str) -> None:
    """Run `program` in the release's Python as the hub's account.

    The arguments of the program are the URL of the database, and `words`.
    """
    argv = [site.current / "bin/python", "-I", "-c", program, database_url(site), *words]
    path = {"PATH": f"{site.current}/bin:/usr/bin:/bin"}  # the program runs alembic without a path
    subprocess.run(
        argv, env=path, user=site.hub.user, cwd="/", check=True, capture_output=True, timeout=300
    )
