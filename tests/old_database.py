"""A hub's database as an older JupyterHub has left it."""

from __future__ import annotations

import subprocess

from sitekit.machine.run import database
from sitekit.site import Site

DOWNGRADE = """
import subprocess, sys
from jupyterhub import dbutil
with dbutil._temp_alembic_ini(sys.argv[1]) as ini:
    subprocess.run(["alembic", "-c", ini, "downgrade", sys.argv[2]], check=True)
"""


def downgrade(site: Site) -> tuple[str, str]:
    """Give the database, which no hub may have open, the form of an earlier JupyterHub; return the
    form that the release wants, and that one."""
    wanted, older = database.known_revisions(site, site.current)[:2]
    in_release(site, DOWNGRADE, older)
    assert database.revision(site) == older
    return wanted, older


def in_release(site: Site, program: str, *words: str) -> None:
    """Run it in the release's Python as the hub's account; its words are the database's address,
    and `words`."""
    argv = [site.current / "bin/python", "-I", "-c", program, f"sqlite:///{site.database}", *words]
    path = {"PATH": f"{site.current}/bin:/usr/bin:/bin"}  # it calls alembic by its name
    subprocess.run(
        argv, env=path, user=site.hub.user, cwd="/", check=True, capture_output=True, timeout=60
    )
