"""Which participants the hub's database knows, and which of them have servers."""

from __future__ import annotations

import os
import pwd
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import release_parts as parts

from sitekit.base.errors import BadInputs
from sitekit.machine.participants import (
    account_record,
    arguments,
    create_accounts,
    participants_known_to_hub,
)
from sitekit.site import Site

TABLES = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE spawners (user_id INTEGER, server_id INTEGER);
INSERT INTO users VALUES (1, 'training01'), (2, 'training02'), (3, 'alice');
INSERT INTO spawners VALUES (1, NULL), (2, 7), (3, 8);
"""
NAMES = ["training01", "training02", "training03"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site whose hub is this account, with no database yet."""
    site = parts.site_at(tmp_path, "conda-forge")
    (tmp_path / "state").mkdir()
    hub = site.hub.model_copy(update={"user": pwd.getpwuid(os.geteuid()).pw_name})
    paths = site.paths.model_copy(update={"state": tmp_path / "state"})
    return site.model_copy(update={"hub": hub, "paths": paths})


def fill(site: Site, tables: str) -> None:
    with closing(sqlite3.connect(site.database)) as database:
        database.executescript(tables)


def test_users_and_servers_are_found_in_the_database(site: Site) -> None:
    assert participants_known_to_hub.known(site, NAMES) == []
    fill(site, "")
    assert participants_known_to_hub.known(site, NAMES) == [], "the hub has not started yet"
    fill(site, TABLES)
    assert participants_known_to_hub.known(site, NAMES) == ["training01", "training02"]
    assert participants_known_to_hub.with_servers(site, NAMES) == ["training02"]


def test_names_that_the_hub_knows_are_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_record, "FOLDER", tmp_path / "records")
    fill(site, TABLES)
    words = ("COUNT=3", "PREFIX=training")
    with pytest.raises(BadInputs) as refused:
        create_accounts.create(site, arguments.wanted(site, words))
    known = [fault for fault in refused.value.problems if "the hub already has" in str(fault)]
    assert [fault.where for fault in known] == NAMES[:2]
    assert "admin page" in str(known[0].remedy) and not (tmp_path / "records").exists()
