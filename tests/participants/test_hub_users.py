"""A former participant does not get into the account of the next participant with the same name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from sitekit.machine.participants.account_record import FOLDER
from sitekit.site.show import dump

from ..person import Person
from .conftest import GROUP, PREFIX, Kit

NAME = f"{PREFIX}01"


def participant(kit: Kit) -> Person:
    """The first participant, who logs in."""
    password = kit.record().participants[0].password
    person = Person(NAME, password, kit.site.front.url)
    assert person.login().url.path != "/hub/login"
    return person


def bearer(kit: Kit, token: str) -> httpx.Response:
    """Call the hub with a token."""
    with Person(NAME, "", kit.site.front.url) as anybody:
        return anybody.api("GET", "/user", Authorization=f"token {token}")


@pytest.mark.parametrize("hub", ["running", "stopped"])
def test_cookies_and_tokens_from_before_are_worth_nothing(kit: Kit, hub: str) -> None:
    kit.make(2)
    with participant(kit) as former:
        token = former.api("POST", f"/users/{NAME}/tokens", {"note": "mine"}).json()["token"]
        assert bearer(kit, token).json()["name"] == NAME
        if hub == "stopped":
            subprocess.run(["systemctl", "stop", kit.site.service("hub")], check=True)
        try:
            kit.remove()
        finally:
            code, printed = kit.run("start")
        assert code == 0, printed
        kit.make(2)
        with participant(kit) as following:
            assert following.api("GET", "/user").json()["name"] == NAME
            assert former.api("GET", "/user").status_code == 403
            assert bearer(kit, token).status_code == 403


def test_a_name_that_the_hub_knows_is_refused(kit: Kit, tmp_path: Path) -> None:
    """The account was removed by hand and not by the command."""
    kit.make(1)
    participant(kit).close()
    record_file, kept = FOLDER / kit.site.name / f"{PREFIX}.json", tmp_path / "kept.json"
    try:
        subprocess.run(["mv", record_file, kept], check=True)
        subprocess.run(["userdel", "--remove", NAME], check=True, capture_output=True)
        words = ["accounts", "COUNT=1", f"PREFIX={PREFIX}", f"GROUP={GROUP}"]
        code, printed = kit.run(*words)
        assert code == 2 and f"the hub already has a user {NAME}" in printed, printed
    finally:
        subprocess.run(["mv", kept, record_file], check=True)
    kit.remove()
    kit.make(1)


def test_the_hub_runs_under_another_supervisor_than_the_site_file_says(
    kit: Kit, tmp_path: Path
) -> None:
    """Nothing is deleted in the database of a hub that runs: it would mix up later users."""
    kit.make(1)
    participant(kit).close()
    other = Kit(kit.site.model_copy(update={"supervisor": "supervisord"}), tmp_path / "site.yml")
    other.file.write_text(dump(other.site))
    code, printed = other.run("accounts_remove", f"PREFIX={PREFIX}", "DATA=remove")
    assert code == 1 and "name the site file that was applied" in printed
    participant(kit).close()
    kit.remove()
