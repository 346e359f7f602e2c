"""Give the URL of the hub's database, for the hub and programs of the release (SQLAlchemy), and for
PostgreSQL's own programs (libpq).

The URL contains no password. The URL names a file with the password, in libpq's format
(https://www.postgresql.org/docs/current/libpq-pgpass.html). Only the hub's account can read the
file.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode

from ..site import Site
from ..site.sections.hub import PostgreSql

CONNECT_SECONDS = 10


def postgresql(site: Site) -> PostgreSql | None:
    """Return the settings of the hub's PostgreSQL database, such as server and name; None if the
    hub uses SQLite."""
    found = site.hub.database
    return found if isinstance(found, PostgreSql) else None


def password_file(site: Site) -> Path:
    """Return the path of the file with the password of the database, in libpq's format."""
    return site.etc / "database.pgpass"


def restored_copy(site: Site) -> Path:
    """Return the path of the copy of a PostgreSQL database that `make restore` has put into the
    state folder, and that `make start` loads."""
    return site.paths.state / "jupyterhub.sql"


def database_url(site: Site) -> str:
    """Return the URL of the hub's database for SQLAlchemy, without a password.

    The URL names the driver, because releases of SQLAlchemy differ in their default driver.
    """
    if there := postgresql(site):
        return f"postgresql+psycopg2:{_place(site, there)}"
    return f"sqlite:///{site.database}"


def libpq_url(site: Site, there: PostgreSql) -> str:
    """Return the URL of the hub's database for programs such as psql, without a password."""
    return f"postgresql:{_place(site, there)}"


def _place(site: Site, there: PostgreSql) -> str:
    """Return the part of the URL that is the same for SQLAlchemy and libpq."""
    host = f"[{there.host}]" if ":" in there.host else there.host
    options: dict[str, str | int] = {"connect_timeout": CONNECT_SECONDS}
    if there.socket:
        host, options["host"], options["port"] = "", there.host, there.port
    else:
        host = f"{host}:{there.port}"
        options["sslmode"] = "verify-full" if there.certificates else "prefer"
    if there.certificates:
        options["sslrootcert"] = str(there.certificates)
    if there.password:
        options["passfile"] = str(password_file(site))
    role = quote(there.user or site.hub.user, safe="")
    words = urlencode(options, safe="/@", quote_via=quote)
    return f"//{role}@{host}/{there.name}?{words}"


def database_in_words(site: Site) -> str:
    """Return text for a message about the place of the hub's database. This is the path of the
    SQLite file, or the name, host and port of the PostgreSQL database."""
    there = postgresql(site)
    if there is None:
        return str(site.database)
    return f"the database {there.name} at {there.host}, port {there.port}"
