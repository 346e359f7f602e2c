"""A hub of a newer release finds the database of an older one, and nobody has run `make start`."""

from __future__ import annotations

import subprocess

from sitekit.machine.run import database

from .machine import Machine

DOWNGRADE = """
import subprocess, sys
from jupyterhub import dbutil
with dbutil._temp_alembic_ini(sys.argv[1]) as ini:
    subprocess.run(["alembic", "-c", ini, "downgrade", sys.argv[2]], check=True)
"""


def test_a_hub_that_its_supervisor_starts_upgrades_the_database(machine: Machine) -> None:
    site = machine.site
    wanted, older = database._known(site, site.current)[:2]
    with machine.stopped("hub"):
        argv = [site.current / "bin/python", "-I", "-c", DOWNGRADE, f"sqlite:///{site.database}", older]
        path = {"PATH": f"{site.current}/bin:/usr/bin:/bin"}
        subprocess.run(argv, env=path, user=site.hub.user, cwd="/", check=True, capture_output=True, timeout=60)
        assert database._revision(site) == older
    assert database._revision(site) == wanted
    copies = list(site.paths.state.glob("jupyterhub.sqlite.*"))
    assert [database._revision_of(copy) for copy in copies] == [older]
    for copy in copies:
        copy.unlink()
