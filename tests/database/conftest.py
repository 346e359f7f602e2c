"""The demo with its hub's database on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.machine.apply.commands import apply
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.site import Site
from sitekit.site.sections.hub import PostgreSql as Settings

from ..conftest import Demo
from ..faults.machine import Machine
from ..packages import install
from ..person import Person
from .server import PostgreSql, postgresql

PASSWORD_FILE = Path("/etc/ssl/private/sitekit-test-database")
PASSWORD = r"a:b\c 'd' %e"
"""With the characters that libpq's file, shells and URLs would interpret."""
ROLE = "sitekit-hub"


@pytest.fixture(scope="package")
def server() -> Iterator[PostgreSql]:
    install("postgresql")
    with postgresql() as server:
        doubled = PASSWORD.replace("'", "''")
        server.sql(f"CREATE ROLE \"{ROLE}\" LOGIN PASSWORD '{doubled}'")
        server.new_database("jupyterhub", ROLE)
        yield server


@pytest.fixture(scope="package")
def site(demo: Demo, server: PostgreSql) -> Iterator[Site]:
    """The demo, applied with this database. Afterwards it has its SQLite file again."""
    as_run = demo_site(which_supervisor())
    PASSWORD_FILE.parent.mkdir(parents=True, exist_ok=True)
    PASSWORD_FILE.write_text(PASSWORD + "\n")
    PASSWORD_FILE.chmod(0o600)
    place = Settings(host="127.0.0.1", port=server.port, user=ROLE, password=PASSWORD_FILE)
    hub = as_run.hub.model_copy(update={"database": place})
    site = as_run.model_copy(update={"hub": hub})
    apply(site)
    yield site
    apply(as_run)
    PASSWORD_FILE.unlink()


@pytest.fixture(scope="package")
def machine(site: Site) -> Machine:
    return Machine(site)


@pytest.fixture(scope="package")
def alice(demo: Demo, site: Site) -> Iterator[Person]:
    """With a server, for all of these tests."""
    with demo.person("alice") as person:
        assert person.login().url.path != "/hub/login"
        assert person.start("small")[-1].get("ready")
        yield person
        person.stop_and_wait()
