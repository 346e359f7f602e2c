"""The Software Modules tab's addresses, asked by other pages and with other things than names of
modules."""

from __future__ import annotations

import httpx
import pytest

from ..conftest import Demo
from .conftest import Server

LAB = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}
STRANGERS = {
    "a link on another site": {**LINK, "Sec-Fetch-Site": "cross-site"},
    "a link on a sibling host": {**LINK, "Sec-Fetch-Site": "same-site"},
    "a link in somebody's notebook on this hub": {**LINK, "Sec-Fetch-Site": "same-origin"},
    "a picture on another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a script on another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"},
    "an old browser, from another site": {"Referer": "https://evil.test/"},
    "an old browser that tells nothing": {},
}
PATHS = [
    "module",
    "module/modules",
    "module/modules/gcc",
    "module/collections",
    "module/paths",
    "module/folders//etc",
]


def ask(
    server: Server, path: str, method: str = "GET", body: object = None, **headers: str
) -> httpx.Response:
    """With alice's cookies, as her browser would send them."""
    assert server.person.lab().status_code == 200
    url = f"{server.base}{path}"
    return server.person.http.request(
        method, url, json=body, headers=headers, follow_redirects=False
    )


def own(server: Server, **more: str) -> dict[str, str]:
    return {**LAB, "X-XSRFToken": server.person.xsrf(server.base), **more}


@pytest.mark.parametrize("path", PATHS)
def test_only_the_lab_is_answered(server: Server, path: str) -> None:
    assert ask(server, path, **own(server)).status_code == 200
    for who, headers in STRANGERS.items():
        assert ask(server, path, **headers).status_code == 403, who


def test_no_other_page_changes_anything(server: Server) -> None:
    """A form or a script of another origin, even one that has got hold of the user's token against
    forgery."""
    for path, body in {
        "module": {"modules": ["python/3.9"]},
        "module/paths": {"paths": ["/tmp"]},
    }.items():
        for headers in (
            *STRANGERS.values(),
            {**LAB, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"},
        ):
            stolen = {"X-XSRFToken": server.person.xsrf(server.base)}
            assert ask(server, path, "POST", body, **{**headers, **stolen}).status_code == 403
        assert ask(server, path, "POST", body, **LAB).status_code == 403, (
            "without the token against forgery"
        )
    assert ask(server, "module", **own(server)).json() == []


def test_whoever_has_no_right_to_the_server_is_not_answered(demo: Demo, server: Server) -> None:
    with demo.person("bob") as other:
        other.login()
        told = other.http.get(f"{server.base}module", headers=LAB, follow_redirects=False)
        assert told.status_code in (302, 403)
        url = f"{demo.site.front.url}{server.base}module"
        told = httpx.get(url, verify=False, timeout=90)  # noqa: S501
        assert told.status_code in (302, 403)


@pytest.mark.parametrize("word", ["a b", "a;b", "$a", "--config", "a\nb", ["a"], 3])
def test_nothing_but_names_reaches_lmod(server: Server, word: object) -> None:
    headers = own(server)
    for path, method, body in (
        ("module", "POST", {"modules": [word]}),
        ("module", "DELETE", {"modules": [word]}),
        ("module/collections", "POST", {"name": word}),
        ("module/collections", "PATCH", {"name": word}),
        ("module/paths", "POST", {"paths": [word]}),
        ("module/paths", "DELETE", {"paths": [word]}),
    ):
        answer = ask(server, path, method, body, **headers)
        assert answer.status_code == 200 and answer.json().startswith("not the name of a module"), (
            path
        )
    assert ask(server, "module", **headers).json() == []
