"""A hub of a newer release finds the database of an older one, and nobody has run `make start`."""

from __future__ import annotations

from sitekit.machine.run import database

from ..old_database import downgrade
from .machine import Machine


def test_a_hub_that_its_supervisor_starts_upgrades_the_database(machine: Machine) -> None:
    site = machine.site
    with machine.stopped("hub"):
        wanted, older = downgrade(site)
    assert database.revision(site) == wanted
    copies = list(site.paths.state.glob("jupyterhub.sqlite.*"))
    assert [database.revision_of(copy) for copy in copies] == [older]
    for copy in copies:
        copy.unlink()
