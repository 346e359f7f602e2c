"""Query, copy and replace the hub's database on a PostgreSQL server, with PostgreSQL's own programs
psql and pg_dump.

The programs run as the hub's account, because only this account can read the password. With peer
authentication, the server also gets the name of this account from the operating system.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...base.errors import Problem
from ...base.run_program import Argv, CommandFailed, run
from ...contracts.database_url import database_in_words, libpq_url, postgresql
from ...site import Site

PROGRAMS = ("psql", "pg_dump")
PATH = "/usr/bin:/bin:/usr/local/bin"
_QUERY_SECONDS, _COPY_SECONDS = 30, 1800
_REMEDIES = (
    ("password authentication failed", "correct the password in {file}; sudo make apply"),
    ("no password supplied", "name a file with the role's password in hub.database.password"),
    ("Peer authentication failed", "name the hub's account in hub.database.user, or a password file"),
    ("no pg_hba.conf entry", "allow this host, role and database in the server's pg_hba.conf"),
    ("role", "as the server's administrator: createuser --pwprompt {role}"),
    ("database", "as the server's administrator: createdb --owner={role} {name}"),
    ("certificate", "name the authority that signed the server's certificate in hub.database.certificates"),
    ("server version mismatch", "install the client programs of the server's version, or newer"),
    ("permission denied", "as the server's administrator: ALTER DATABASE {name} OWNER TO {role}"),
)  # fmt: skip
"""Pairs of a text in an error message, and the remedy for such errors. The first text that the
error message contains is used."""
_UNREACHED = "start the PostgreSQL server, or correct hub.database; make doctor tests it"
_EMPTY = """
DO $$ DECLARE one record; BEGIN
FOR one IN SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() LOOP
  EXECUTE format('DROP TABLE %I CASCADE', one.name);
END LOOP;
FOR one IN SELECT typname AS name FROM pg_type
  WHERE typnamespace = current_schema()::regnamespace AND typtype = 'e' LOOP
  EXECUTE format('DROP TYPE %I', one.name);
END LOOP; END $$"""
"""The SQL statements that remove all tables, with their sequences, and all types of the hub's
schema."""


def query(site: Site, statement: str) -> list[str]:
    """Run an SQL statement, and return the resulting rows as lines of text. Raises Problem."""
    printed = _psql(site, "--tuples-only", "--no-align", f"--command={statement}")
    return [line for line in printed.splitlines() if line]


def refuse_unusable(site: Site) -> None:
    """Raise Problem if the hub cannot connect to its database, or cannot read and write the
    database."""
    if query(site, "SELECT pg_is_in_recovery()") != ["f"]:
        remedy = "name the primary server in hub.database.host"
        raise Problem("the server is a read-only standby", database_in_words(site), remedy)
    create = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
    foreign = (
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() "
        "AND NOT pg_has_role(tableowner, 'USAGE')"
    )
    if query(site, create) != ["t"]:
        raise _problem(site, "permission denied: the role may not create tables")
    if names := query(site, foreign):
        raise _problem(site, f"permission denied: {', '.join(names[:3])} are another role's tables")


def tables(site: Site) -> list[str]:
    """Return the names of the tables of the database. Raises Problem."""
    return query(site, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")


def copy(site: Site, to: Path) -> None:
    """Write the database as SQL statements to a file that the hub's account owns. The hub can keep
    running. Raises Problem.
    """
    words = ("--no-owner", "--no-privileges", f"--dbname={_url(site)}", f"--file={to}")
    _run(site, ["pg_dump", "--no-password", *words], _COPY_SECONDS)


def replace(site: Site, copy: Path) -> None:
    """Replace all tables of the database by the tables of a copy, in one transaction. If the
    transaction fails, no table has changed.

    The hub must be stopped. Raises Problem.
    """
    words = ("--single-transaction", f"--command={_EMPTY}", f"--file={copy}")
    _psql(site, "--output=/dev/null", *words, seconds=_COPY_SECONDS)


def _url(site: Site) -> str:
    """Return the URL of the database. Raises Problem if the hub's database is SQLite."""
    if there := postgresql(site):
        return libpq_url(site, there)
    raise Problem("the hub's database is a SQLite file", "hub.database")


def _psql(site: Site, *words: str, seconds: float = _QUERY_SECONDS) -> str:
    """Run psql with the arguments `words`, and return psql's output."""
    fixed = ("--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1")
    return _run(site, ["psql", *fixed, f"--dbname={_url(site)}", *words], seconds)


def _run(site: Site, argv: Argv, seconds: float) -> str:
    """Run one of PostgreSQL's programs as the hub's account. Raises Problem, with the first line of
    the program's error."""
    variables = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent"}
    who = site.hub.user if os.geteuid() == 0 else None
    try:
        done = run(argv, user=who, env=variables, cwd=Path("/"), timeout=seconds, check=False)
    except CommandFailed as failed:
        if "is not there" in failed.what:
            raise missing_programs() from None
        what = f"{argv[0]} did not end within {seconds:g} s"
        raise Problem(what, database_in_words(site), _UNREACHED) from None
    if done.returncode:
        raise _problem(site, done.stderr)
    return done.stdout


def missing_programs() -> Problem:
    """Return the error for a machine without PostgreSQL's client programs."""
    remedy = "install them: apt install postgresql-client, or dnf install postgresql"
    return Problem(f"the programs {' and '.join(PROGRAMS)} are not there", "hub.database", remedy)


def _problem(site: Site, printed: str) -> Problem:
    """Return the error for a message that one of PostgreSQL's programs printed."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()] or ["no reason given"]
    what = next((line for line in lines if "FATAL" in line or "ERROR" in line), lines[0])
    there = postgresql(site)
    role = (there.user if there else None) or site.hub.user
    remedy = next((remedy for text, remedy in _REMEDIES if text in what), _UNREACHED)
    if "does not exist" not in what and remedy.startswith("as the server's administrator: create"):
        remedy = _UNREACHED
    given = {"file": there and there.password, "role": role, "name": there and there.name}
    return Problem(
        what.removeprefix("psql: error: "), database_in_words(site), remedy.format(**given)
    )
