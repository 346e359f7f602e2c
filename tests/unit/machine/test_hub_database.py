"""A site whose hub's database is on a PostgreSQL server: its URL, its password, and what a machine
without the server is told."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from machine_sites import demo
from pydantic import ValidationError

from sitekit.base.errors import BadInputs, Problem
from sitekit.contracts.database_url import database_url
from sitekit.machine.checks.postgresql_and_database_change import check_database
from sitekit.machine.host import postgresql
from sitekit.machine.host.target import Target
from sitekit.machine.render.machine_secrets import database_password, generated_paths
from sitekit.machine.run import database
from sitekit.site import Site

SECRET = "/etc/ssl/private/database"
CA = "/etc/ssl/certs/ca-certificates.crt"


def at(**place: object) -> Site:
    """The demo with its database at this place, as a hub of this account."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    site = demo(hub={"database": place})
    return site.model_copy(update={"hub": site.hub.model_copy(update={"user": user})})


@pytest.mark.parametrize(
    ("place", "url"),
    [
        (
            {"host": "db.example.org", "password": SECRET, "certificates": CA},
            "//{me}@db.example.org:5432/jupyterhub?connect_timeout=10&sslmode=verify-full"
            f"&sslrootcert={CA}&passfile=/etc/sitekit/demo/database.pgpass",
        ),
        (
            {"host": "/run/postgresql", "name": "hub", "user": "role"},
            "//role@/hub?connect_timeout=10&host=/run/postgresql&port=5432",
        ),
        (
            {"host": "::1", "port": 5433},
            "//{me}@[::1]:5433/jupyterhub?connect_timeout=10&sslmode=prefer",
        ),
    ],
)
def test_the_url_names_the_place_and_no_password(place: dict[str, object], url: str) -> None:
    site = at(**place)
    wanted = url.format(me=site.hub.user)
    assert database_url(site) == f"postgresql+psycopg2:{wanted}"


def test_a_socket_has_no_certificates() -> None:
    with pytest.raises(ValidationError, match="a Unix socket has no certificate"):
        at(host="/run/postgresql", certificates=CA)


def test_the_password_is_written_as_libpq_reads_it(tmp_path: Path) -> None:
    site = at(host="127.0.0.1", password=SECRET)
    (tmp_path / SECRET[1:]).parent.mkdir(parents=True)
    (tmp_path / SECRET[1:]).write_text("a:b\\c\n")
    [(path, file)] = database_password(Target(site, tmp_path)).items()
    assert file.content == "*:*:*:*:a\\:b\\\\c\n"
    assert (file.mode, file.owner) == (0o600, site.hub.user)
    assert path in generated_paths(site) and path not in generated_paths(demo())


def test_a_file_without_a_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputs, match="does not contain the password of the database"):
        check_database(Target(at(host="127.0.0.1", password=SECRET), tmp_path))


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    site = at(host=str(tmp_path))
    with pytest.raises(Problem) as told:
        database.refuse_unknown_schema(site, site.current)
    if told.value.where == "hub.database":  # this machine has no psql
        assert "apt install postgresql-client" in str(told.value.remedy)
    else:
        assert "No such file or directory" in told.value.what
        assert str(tmp_path) in str(told.value.where)


def test_a_machine_without_the_programs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "PATH", "/nonexistent")
    site = at(host="/run/postgresql")
    with pytest.raises(Problem, match="psql and pg_dump are not there") as told:
        database.revision(site)
    assert told.value.where == "hub.database"
