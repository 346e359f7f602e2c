"""The hub's log holds no _xsrf value, and nothing that was typed as a name but the names of
accounts."""

from __future__ import annotations

import pytest

from ..conftest import Demo
from ..person import Person
from ..slurm import until
from .hublog import end_of_log, logged

TYPED = [
    "Correct-Horse-7",
    "c" * 40 + "Battery-Staple",
    "staple/../7",
    "Staple 7'\"",
    "root\n[I] forged",
    "Staple\0Battery",
]


@pytest.mark.parametrize("typed", TYPED)
def test_a_password_typed_as_a_name_is_not_logged(demo: Demo, typed: str) -> None:
    start = end_of_log(demo.site)
    with Person(typed, "wrong", demo.site.front.url) as person:
        assert person.login().status_code in (400, 403)
    said = logged(demo.site, start).decode()
    assert "403 POST /hub/login" in said
    assert not [line for line in said.splitlines() if typed[:8] in line]


def test_the_name_of_an_account_is_logged(demo: Demo) -> None:
    """So that an administrator sees whose password somebody guesses at."""
    start = end_of_log(demo.site)
    with demo.person("bob") as person:
        person.login("wrong")
    until(lambda: b"Failed login for 'bob'" in logged(demo.site, start))


def test_no_xsrf_value_is_logged(demo: Demo, idle: Person) -> None:
    """Whatever refuses a request: JupyterHub, tornado, a handler that fails."""
    idle.http.get("/hub/home")
    value = idle.xsrf()
    assert len(value) > 40
    start = end_of_log(demo.site)
    where = f"{demo.site.front.url}/hub/spawn?_xsrf={value}&next=%2Fhub%2Fspawn%3F_xsrf%3D{value}"
    headers = {"Referer": where, "X-XSRFToken": value}
    for path in (
        "/hub/nope",
        "/hub/api/users/bob/nope",
        "/hub/home",
        "/hub/login",
        "/hub/spawn/bob/a*b",
        "/hub/error",
    ):
        for method in ("GET", "POST", "DELETE"):
            idle.http.request(
                method, path, params={"_xsrf": value}, headers=headers, follow_redirects=False
            )
    assert idle.choose("nope").status_code == 400
    assert idle.http.post("/hub/api/users/bob/server?_xsrf=" + value, content=b"{").status_code in (
        400,
        403,
    )
    idle.http.get("/hub/home", headers={"Cookie": f"_xsrf={value[:-9]}"})
    said = logged(demo.site, start).decode()
    assert "_xsrf=[secret]" in said
    assert not [line for line in said.splitlines() if value[:30] in line]
