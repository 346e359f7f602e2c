"""Accounts as clusters have them: with capital letters, closed for a while, expired. And whose site
it is."""

from __future__ import annotations

import html
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Demo
from ..person import Person

NAME, PASSWORD = "BigBob", "a-word-for-big-bob"
NOLOGIN = Path("/etc/nologin")


def run(*words: str, given: str | None = None) -> None:
    subprocess.run(words, input=given, text=True, check=True, capture_output=True, timeout=300)


@pytest.fixture(scope="module")
def account(demo: Demo) -> Iterator[str]:
    run(
        "useradd",
        "--badname",
        "--create-home",
        "--groups",
        "jupyter-users",
        "--key",
        "HOME_MODE=0700",
        NAME,
    )
    try:
        run("chpasswd", given=f"{NAME}:{PASSWORD}\n")
        yield NAME
    finally:
        run("userdel", "--remove", NAME)
        with demo.person("carol") as carol:
            carol.login()
            assert carol.api("DELETE", f"/users/{NAME}").status_code == 204


@pytest.fixture
def bob(demo: Demo, account: str) -> Iterator[Person]:
    with Person(account, PASSWORD, demo.site.front.url) as person:
        yield person


def test_an_account_with_capital_letters_gets_in_as_itself(demo: Demo, bob: Person) -> None:
    answer = bob.login()
    assert answer.status_code == 200 and answer.url.path == "/hub/spawn", answer.text[:500]
    assert bob.api("GET", "/user").json()["name"] == NAME


def test_a_capital_letter_where_there_is_none_is_forgiven(demo: Demo) -> None:
    with Person("Alice", demo.passwords["alice"], demo.site.front.url) as person:
        assert person.login().url.path != "/hub/login"
        assert person.api("GET", "/user").json()["name"] == "alice"


def test_why_an_account_may_not_log_in_is_told_to_whoever_has_its_password(
    demo: Demo, bob: Person
) -> None:
    assert not NOLOGIN.exists()
    NOLOGIN.write_text("Closed until noon: new disks.\n")
    try:
        answer = bob.login()
        assert answer.status_code == 403 and "Closed until noon: new disks." in html.unescape(
            answer.text
        )
        answer = bob.login("wrong")
        assert (
            "Closed until noon" not in answer.text and "Invalid username or password" in answer.text
        )
    finally:
        NOLOGIN.unlink()
    run("chage", "--expiredate", "0", NAME)
    try:
        answer = bob.login()
        assert answer.status_code == 403
        assert "Your password is right, but this account may not log in now" in html.unescape(
            answer.text
        )
    finally:
        run("chage", "--expiredate", "-1", NAME)
    assert bob.login().status_code == 200


def test_pages_carry_the_sites_title(demo: Demo, alice: Person) -> None:
    with demo.person("bob") as stranger:
        page = stranger.http.get("/hub/login").text
    assert f"<title>{demo.site.title}</title>" in " ".join(page.split()).replace("> ", ">").replace(
        " <", "<"
    )
    assert f">{demo.site.title}</h1>" in page
    assert f">{demo.site.title}</span>" in alice.http.get("/hub/home").text
