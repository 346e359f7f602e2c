"""`make drill` on the demo: new users and existing ones, an interruption, and what is left of it."""

from __future__ import annotations

import json
import os
import pwd
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sitekit.machine.participants.account_record import FOLDER
from sitekit.operations.drill.accounts import PREFIX
from sitekit.operations.drill.run_drill import PHASES
from sitekit.site.show import dump

from ..conftest import CHECKOUT, Demo
from ..person import Person
from ..slurm import ask, jobs, until
from .conftest import Kit, contents

FIRST = f"{PREFIX}01"


def drill(kit: Kit, *words: str, file: Path | None = None) -> dict[str, Any]:
    """Run a drill to its end; return what it prints as JSON."""
    argv = [sys.executable, "-B", "-m", "sitekit", "drill", "JSON=1", *words]
    paths = {"PYTHONPATH": str(CHECKOUT / "scripts"), "SITE": str(file or kit.file)}
    done = subprocess.run(
        argv, env={**os.environ, **paths}, capture_output=True, text=True, timeout=1000
    )
    assert done.stdout.startswith("{"), done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.fixture
def nothing_left(kit: Kit) -> Iterator[None]:
    """Afterwards there is no account, home, association, user of the hub or job of a drill."""
    before = contents()
    yield
    assert contents() == before
    assert not [entry for entry in pwd.getpwall() if entry.pw_name.startswith(PREFIX)]
    assert not list(Path("/home").glob(f"{PREFIX}*"))
    assert not list((FOLDER / kit.site.name).glob("*"))
    associations = ("show", "associations", "format=User", "account=teaching")
    assert PREFIX not in ask(kit.site, "sacctmgr", "--noheader", "--parsable2", *associations)
    # squeue lists a job also while it is ending
    until(lambda: PREFIX not in ask(kit.site, "squeue", "--noheader", "--format=%u"), 180)
    place = f"file:{kit.site.database}?mode=ro"
    with closing(sqlite3.connect(place, timeout=60, uri=True)) as database:
        names = {name for (name,) in database.execute("SELECT name FROM users")}
        # the hub deletes tokens that are no longer valid within an hour
        query = (
            "SELECT note FROM api_tokens WHERE expires_at IS NULL OR expires_at > datetime('now')"
        )
        notes = {note or "" for (note,) in database.execute(query)}
    assert not [name for name in names if name.startswith(PREFIX)]
    assert not [note for note in notes if "drill" in note]


@pytest.mark.parametrize("count", [3, pytest.param(50, marks=pytest.mark.soak)])
def test_new_users_start_run_a_cell_and_stop(kit: Kit, nothing_left: None, count: int) -> None:
    told = drill(kit, f"USERS={count}")
    assert told["errors"] == [] and told["ready"] == told["users"] == count
    assert list(told["phases"]) == [*PHASES, "start"]
    for one in told["phases"].values():
        assert 0 <= one["p50"] <= one["p95"] <= one["most"]
    print(json.dumps(told))


def test_ctrl_c_ends_what_the_drill_has_started(kit: Kit, nothing_left: None) -> None:
    with kit.start("drill", "USERS=2", start_new_session=True) as process:
        until(lambda: FIRST in ask(kit.site, "squeue", "--noheader", "--format=%u"), 300)
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=600)[0]
    assert process.returncode == 130, printed


@pytest.mark.soak
def test_the_next_drill_removes_what_a_killed_one_has_left(kit: Kit, nothing_left: None) -> None:
    with kit.start("drill", "USERS=2") as process:
        until(lambda: FIRST in ask(kit.site, "squeue", "--noheader", "--format=%u"), 300)
        process.kill()
    assert drill(kit, "USERS=1")["ready"] == 1


def test_existing_users_and_a_server_of_their_own(
    kit: Kit, demo: Demo, alice: Person, nothing_left: None, tmp_path: Path
) -> None:
    """alice has started a server herself: the drill neither uses nor stops it. Who is not in the
    file is not used."""
    users, file = Path("/etc/sitekit-drill-users"), tmp_path / "site.yml"
    keys = {"users": str(users), "slurm_account": None}
    settings = kit.site.drill.model_copy(update=keys)
    file.write_text(dump(kit.site.model_copy(update={"drill": settings})))
    users.write_text("alice\nbob\n")
    try:
        assert alice.start("small")[-1].get("ready")
        own = jobs(kit.site, "alice")
        told = drill(kit, "USERS=2", file=file)
        code, printed = kit.run("drill", "USERS=0")
        assert code == 2, printed
    finally:
        users.unlink()
    assert told["ready"] == 1 and list(told["phases"]) == [*PHASES[2:], "start"]
    [error] = told["errors"]
    assert error["users"] == ["alice"] and "was not used" in error["message"]
    assert jobs(kit.site, "alice") == own and alice.lab().status_code == 200
    until(lambda: not jobs(kit.site, "bob"), 180)
