"""A hub whose database is on a PostgreSQL server: it starts, restarts with its servers, is backed up
and restored, and says what is wrong with the server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from sitekit.base.errors import BadInput, BadInputs, Problem
from sitekit.contracts.database_url import database_url, password_file, restored_copy
from sitekit.machine.apply.commands import apply
from sitekit.machine.backup.backup import backup
from sitekit.machine.backup.restore import restore
from sitekit.machine.participants import participants_known_to_hub
from sitekit.machine.run import database, start_and_stop
from sitekit.operations.doctor import before_commands
from sitekit.operations.drill.tokens import tokens
from sitekit.site import Site

from ..conftest import Demo
from ..faults.machine import Machine
from ..old_database import downgrade
from ..person import Person
from ..slurm import jobs, until
from .conftest import ROLE
from .server import PostgreSql


def users(server: PostgreSql) -> set[str]:
    return set(server.sql("SELECT name FROM users", "jupyterhub"))


def answers(person: Person) -> bool:
    """Whether the person's server and the hub's API answer."""
    try:
        model = person.api("GET", f"/users/{person.name}")
        return model.status_code == 200 and model.json()["servers"][""]["ready"]
    except (httpx.HTTPError, KeyError, ValueError):
        return False


def test_a_user_logs_in_and_a_restarted_hub_adopts_the_server(
    site: Site, server: PostgreSql, machine: Machine, alice: Person
) -> None:
    running = jobs(site, "alice")
    assert len(running) == 1 and "alice" in users(server)
    machine.kill_hub()
    until(lambda: answers(alice), 240)
    assert jobs(site, "alice") == running
    assert participants_known_to_hub.known(site, ["alice", "nobody-here"]) == ["alice"]
    assert participants_known_to_hub.with_servers(site, ["alice"]) == ["alice"]


def test_the_password_is_in_one_file_that_the_hub_alone_reads(site: Site, machine: Machine) -> None:
    file = password_file(site)
    assert file.stat().st_mode & 0o777 == 0o600 and file.owner() == site.hub.user
    assert "a:b" not in database_url(site)
    process = Path(f"/proc/{machine.pid('hub')}")
    for words in (process / "environ", process / "cmdline", site.etc / "site.yml"):
        assert b"a:b" not in words.read_bytes()


def test_the_hub_survives_an_outage_of_the_server(server: PostgreSql, alice: Person) -> None:
    cookies = httpx.Cookies(alice.http.cookies)
    server.control("stop")
    try:
        page = alice.http.get("/hub/home")
        assert page.status_code == 503 and "The hub cannot use its database" in page.text
    finally:
        server.control("start")
        alice.http.cookies = cookies  # the page has set the cookie of a visitor without a login
    until(lambda: answers(alice), 240)


def test_another_database_is_refused_while_servers_run(site: Site, alice: Person) -> None:
    assert alice.server() is not None
    hub = site.hub.model_copy(update={"database": "sqlite"})
    with pytest.raises(BadInputs, match="the hub would not find them with another database"):
        apply(site.model_copy(update={"hub": hub}))


def test_tokens_of_a_drill_are_valid(demo: Demo, site: Site, alice: Person) -> None:
    with tokens(site, "test", ["alice"], 60) as made:
        headers = {"Authorization": f"token {made['alice']}"}
        found = alice.http.get("/hub/api/user", headers=headers)
    assert found.json()["name"] == "alice"


@pytest.mark.soak
def test_an_older_schema_is_upgraded_and_a_newer_one_replaced(
    site: Site, server: PostgreSql, machine: Machine, alice: Person
) -> None:
    with machine.stopped("hub"):
        wanted, older = downgrade(site)
        database.match_release(site)
        assert database.revision(site) == wanted
        assert database.backup_of(site, [older]) is not None
        server.sql("INSERT INTO users (name, cookie_id) VALUES ('late', 'x')", "jupyterhub")
        server.sql("UPDATE alembic_version SET version_num = '0123456789ab'", "jupyterhub")
        database.match_release(site)
        assert database.revision(site) == wanted and "late" not in users(server)
    until(lambda: answers(alice), 240)


def test_what_is_wrong_with_the_server_is_told(site: Site, server: PostgreSql) -> None:
    wrong = site.model_copy(
        update={
            "hub": site.hub.model_copy(
                update={"database": site.hub.database.model_copy(update={"name": "elsewhere"})}
            )
        }
    )
    with pytest.raises(Problem, match='database "elsewhere" does not exist') as told:
        database.revision(wrong)
    assert f"createdb --owner={ROLE} elsewhere" in str(told.value.remedy)
    server.sql(f"ALTER ROLE \"{ROLE}\" PASSWORD 'another'")
    try:
        with pytest.raises(BadInputs) as refused:
            before_commands.start(site)
    finally:
        restored = r"a:b\c ''d'' %e"
        server.sql(f"ALTER ROLE \"{ROLE}\" PASSWORD '{restored}'")
    [fault] = refused.value.problems
    assert isinstance(fault, BadInput) and "password authentication failed" in fault.what
    assert str(site.hub.database.password) in str(fault.remedy)


@pytest.mark.soak
def test_a_backup_contains_the_database_and_a_start_loads_it(
    site: Site, server: PostgreSql, machine: Machine, alice: Person, tmp_path: Path
) -> None:
    running = jobs(site, "alice")
    assert backup(site) == 0
    assert not list(site.paths.state.glob("*-draft"))
    archive = max(site.backups.glob("*.tar.gz"))
    start_and_stop.stop(site)
    saved = site.paths.state.with_name("state-before")
    site.paths.state.rename(saved)
    try:
        assert restore(str(archive), checkout=tmp_path) == 0
        assert apply(site) == 0
        with pytest.raises(Problem, match="is not empty, and restore overwrites nothing"):
            before_commands.start(site)
        server.new_database("jupyterhub", ROLE)
        assert before_commands.start(site) == 0
        assert not restored_copy(site).exists() and "alice" in users(server)
        until(lambda: answers(alice), 240)
        assert jobs(site, "alice") == running
    except BaseException:
        shutil.rmtree(site.paths.state)
        saved.rename(site.paths.state)
        raise
    shutil.rmtree(saved)


def test_the_backups_unit_may_reach_the_server(site: Site) -> None:
    """Its sandbox has a network only if the database is there."""
    unit = f"{site.service('backup')}.service"
    done = subprocess.run(["systemctl", "start", unit], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
