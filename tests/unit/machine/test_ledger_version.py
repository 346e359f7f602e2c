"""A release that is to take over: does it know the form of the ledger?"""

from __future__ import annotations

import os
import pwd
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import release_parts as parts
from machine_sites import can_change

from sitekit.base.errors import Problem
from sitekit.hub.ledger.ledger_schema import VERSION
from sitekit.machine.run.ledger_version import refuse_newer_ledger
from sitekit.site import Site

pytestmark = can_change  # a release is asked as the hub's account


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site whose hub is this account."""
    site = parts.site_at(tmp_path, "conda-forge")
    state = tmp_path / "state"
    state.mkdir()
    hub = site.hub.model_copy(update={"user": pwd.getpwuid(os.geteuid()).pw_name})
    return site.model_copy(
        update={"hub": hub, "paths": site.paths.model_copy(update={"state": state})}
    )


def release(folder: Path, answer: str) -> Path:
    """A release whose Python answers so, whatever it is asked."""
    python = folder / "release" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{answer}\n")
    python.chmod(0o755)
    return folder / "release"


def with_ledger(site: Site, version: int) -> Site:
    with closing(sqlite3.connect(site.ledger)) as ledger:
        ledger.execute(f"PRAGMA user_version = {version}")
        ledger.execute("CREATE TABLE starts (tag TEXT)")
    return site


@pytest.mark.parametrize("folder", ["sitekit/hub/ledger", "sitekit/hub/servers"])
def test_a_release_with_the_schema_in_the_present_or_in_the_former_folder_may(
    site: Site, tmp_path: Path, folder: str
) -> None:
    schema = tmp_path / "packages" / folder / "ledger_schema.py"
    schema.parent.mkdir(parents=True)
    schema.write_text(f"VERSION = {VERSION}\n")
    program = f'PYTHONPATH={tmp_path}/packages exec /usr/bin/python3 "$2" "$3"'
    refuse_newer_ledger(with_ledger(site, VERSION), release(tmp_path, program))


def test_one_that_knows_it_may(site: Site, tmp_path: Path) -> None:
    refuse_newer_ledger(with_ledger(site, VERSION), release(tmp_path, f"echo {VERSION}"))


@pytest.mark.parametrize("answer", ["echo ImportError >&2; exit 1", f"echo {VERSION - 1}"])
def test_one_that_does_not_is_refused(site: Site, tmp_path: Path, answer: str) -> None:
    with pytest.raises(
        Problem,
        match=f"has version {VERSION}, and the release release can read versions up to {VERSION - 1}",
    ):
        refuse_newer_ledger(with_ledger(site, VERSION), release(tmp_path, answer))


def test_a_ledger_from_before_forms_were_counted_suits_everybody(
    site: Site, tmp_path: Path
) -> None:
    refuse_newer_ledger(site, release(tmp_path, "exit 1"))
    refuse_newer_ledger(with_ledger(site, 0), release(tmp_path / "other", "exit 1"))
