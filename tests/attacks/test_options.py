"""Hostile options, by every way in: REST, the form, an address. None starts anything, none is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..conftest import Demo
from ..person import Person
from .conftest import call
from .hublog import end_of_log, logged
from .state import nothing_changes

TEXTS = {
    "unknown": "nope",
    "empty": "",
    "blank": " ",
    "leading blank": " small",
    "trailing newline": "small\n",
    "directive": "small\n#SBATCH --uid=0",
    "separator": "small; touch /tmp/sitekit-attack",
    "substitution": "$(touch /tmp/sitekit-attack)",
    "backticks": "`touch /tmp/sitekit-attack`",
    "template": "{{ 7 * 7 }}{% import os %}",
    "format": "{0.__class__}%(x)s%s%n",
    "quotes": "'\"",
    "option": "--wrap=id",
    "NUL": "small\0",
    "path": "../small",
    "upper case": "SMALL",
    "other digits": "\uff53\uff4d\uff41\uff4c\uff4c",
    "half a character": "\ud800",
    "right to left": "\u202esmall",
    "markup": "<script>alert(1)</script>",
    "object": "__class__",
    "long": "x" * 50_000,
}
OTHERS: dict[str, Any] = {
    "null": None,
    "true": True,
    "zero": 0,
    "one": 1,
    "huge": 10**300,
    "infinite": float("inf"),
    "list": ["small"],
    "mapping": {"small": "small"},
    "nested": [[[[[["small"]]]]]],
}
NAMES = [
    *(
        "tier",
        "profile",
        "memory",
        "cpus",
        "time",
        "gpus",
        "account",
        "reservation",
        "constraint",
        "qos",
        "partition",
    ),
    *(
        "prologue",
        "epilogue",
        "options",
        "req_options",
        "homedir",
        "username",
        "keepvars",
        "cmd",
        "exec_prefix",
        "ip",
    ),
    *(
        "batch_script",
        "child_class",
        "child_config",
        "profiles",
        "environment",
        "__class__",
        "",
        "\0",
        "tier\n",
    ),
]
BODIES: dict[str, Any] = {
    **{f"tier {name}": {"tier": value} for name, value in {**TEXTS, **OTHERS}.items()},
    **{f"profile {name}": {"profile": value} for name, value in {**TEXTS, **OTHERS}.items()},
    **{f"beside: {name!r}": {"tier": "small", name: "x"} for name in NAMES if name != "tier"},
    **{
        f"own memory {name}": {"tier": "own", "memory": value}
        for name, value in {**TEXTS, **OTHERS}.items()
        if value and name != "one"  # 1 of a tier that gives gigabytes is taken for 1 GB
    },
    **{
        f"own account {name}": {"tier": "own", "account": value}
        for name, value in {**TEXTS, **OTHERS}.items()
        if value
    },
    "two tiers": {"tier": "small", "profile": "small"},
    "no tier": {"memory": "1G"},
    "wrapped twice": {"user_options": {"user_options": {"tier": "small"}}},
    "a list": {"user_options": ["small"]},
    "a text": {"user_options": "small"},
    "beside user_options": {
        "user_options": {"tier": "small", "prologue": "touch /tmp/sitekit-attack"}
    },
}
RAW = {
    "a bare list": '["small"]',
    "a bare text": '"small"',
    "a bare number": "1",
    "half": '{"tier": "small"',
    "form": "tier=small",
    "deep": '{"tier": ' + "[" * 20_000 + "]" * 20_000 + "}",
    "not UTF-8": b'{"tier": "sm\xffll"}',
}


def send(person: Person, body: Any, path: str = "server", method: str = "POST") -> int:
    """A REST call with the person's session; `body` as Python writes JSON, lone surrogates
    included."""
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    headers = {
        "X-XSRFToken": person.xsrf(),
        "Referer": f"{person.base}/hub/home",
        "Content-Type": "application/json",
    }
    where = f"/hub/api/users/{person.name}/{path}"
    return person.http.request(method, where, content=content, headers=headers).status_code


def test_rest_refuses(demo: Demo, idle: Person) -> None:
    start = end_of_log(demo.site)
    with nothing_changes(demo.site):
        answers = {name: send(idle, body) for name, body in BODIES.items()}
    assert {name: status for name, status in answers.items() if status != 400} == {}
    assert b"Traceback" not in logged(demo.site, start)


def test_rest_refuses_what_is_no_mapping(demo: Demo, idle: Person) -> None:
    with nothing_changes(demo.site):
        answers = {name: send(idle, body) for name, body in RAW.items()}
    assert {name: status for name, status in answers.items() if status not in (400, 413)} == {}


@pytest.mark.parametrize("way", ["POST named", "PUT named", "PATCH default"])
@pytest.mark.parametrize(
    "what", ["tier unknown", "profile list", "beside: 'prologue'", "own memory directive"]
)
def test_no_way_to_keep_options_for_later(demo: Demo, idle: Person, way: str, what: str) -> None:
    """JupyterHub stores the options of a server that is made, or changed, without being started."""
    method, which = way.split()
    path = "server" if which == "default" else "servers/attack"
    with nothing_changes(demo.site):
        assert send(idle, {"user_options": BODIES[what]}, path, method) == 400
        send(idle, {"remove": True}, "servers/attack", "DELETE")


def test_hostile_names_of_servers(demo: Demo, idle: Person) -> None:
    with nothing_changes(demo.site):
        for name in (
            "..",
            "%2e%2e",
            "a%2fb",
            "a%0ab",
            "%00",
            "a b",
            "%F0%9F%92%A9",
            "x" * 300,
            "-x",
            "$(id)",
        ):
            assert 400 <= send(idle, {"tier": "nope"}, f"servers/{name}") < 500
            send(idle, {"remove": True}, f"servers/{name}", "DELETE")


def test_no_more_servers_than_the_site_allows(demo: Demo, idle: Person) -> None:
    names = [f"kit-{number}" for number in range(demo.site.server.named + 1)]
    try:
        assert [send(idle, {}, f"servers/{name}", "PUT") for name in names] == [201] * (
            len(names) - 1
        ) + [400]
        assert send(idle, {"tier": "small"}, f"servers/{names[-1]}") == 400
        assert idle.server(names[-1]) is None
    finally:
        for name in names:
            send(idle, {"remove": True}, f"servers/{name}", "DELETE")


hostile = st.sampled_from([*TEXTS.values(), *OTHERS.values()]) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=40),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
fields = st.dictionaries(
    st.sampled_from(NAMES) | st.text(st.characters(), max_size=12), hostile, max_size=4
)


def test_rest_refuses_anything(demo: Demo, idle: Person) -> None:
    """Any value in any field, with and without a tier that there is."""

    @settings(
        max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from([None, "small", "own"]), fields, st.booleans())
    def attempt(tier: str | None, options: dict[str, Any], wrapped: bool) -> None:
        options = (
            {key: value for key, value in options.items() if key != "profile"} if tier else options
        )
        options = {**options, "tier": tier} if tier else options
        options = options if len(options) > bool(tier) else {**options, "prologue": "id"}
        if any(fits(options, key) for key in options):
            options["prologue"] = "id"
        # 413: two long texts
        assert send(idle, {"user_options": options} if wrapped else options) in (400, 413)

    with nothing_changes(demo.site):
        attempt()


def fits(options: dict[str, Any], key: str) -> bool:
    """Whether a field of the tier `own` may by chance have got a value that it offers, such as the
    empty account."""
    return options.get("tier") == "own" and key in ("memory", "cpus", "time", "account")


def submit(person: Person, data: dict[str, Any]) -> httpx.Response:
    """Send the form with the person's session."""
    where = f"/hub/spawn/{person.name}?_xsrf={person.xsrf()}"
    return person.http.post(where, data={"_xsrf": person.xsrf(), **data}, follow_redirects=False)


def test_the_form_refuses(demo: Demo, idle: Person) -> None:
    """The form is shown again, with 400 and without what was sent, or with it harmless."""
    start = end_of_log(demo.site)
    with nothing_changes(demo.site):
        for text in TEXTS.values():
            answer = submit(idle, {"tier": text.encode(errors="replace").decode()})
            assert answer.status_code == 400, text
            assert "<script>alert(1)</script>" not in answer.text
            assert "7 * 7" not in text or "{{ 7 * 7 }}" in answer.text
    assert b"Traceback" not in logged(demo.site, start)


@pytest.mark.parametrize(
    "name", ["partition", "prologue", "exec_prefix", "small.memory", "own.prologue", "profile"]
)
def test_the_form_has_no_other_fields(demo: Demo, idle: Person, name: str) -> None:
    with nothing_changes(demo.site):
        assert (
            submit(
                idle, {"tier": "own" if name.startswith("own.") else "small", name: "batch"}
            ).status_code
            == 400
        )


def test_the_form_takes_one_tier_only(demo: Demo, idle: Person) -> None:
    with nothing_changes(demo.site):
        assert submit(idle, {"tier": ["small", "large"]}).status_code == 400


@pytest.mark.parametrize("xsrf", ["", "wrong"])
def test_a_form_from_another_site_is_refused(demo: Demo, idle: Person, xsrf: str) -> None:
    headers = {
        "Origin": "https://evil.example",
        "Referer": "https://evil.example/",
        "Sec-Fetch-Site": "cross-site",
    }
    with nothing_changes(demo.site):
        for sent in ({}, headers):
            answer = idle.http.post(
                f"/hub/spawn/{idle.name}?_xsrf={xsrf}",
                data={"tier": "small", "_xsrf": xsrf},
                headers={"Sec-Fetch-Mode": "navigate", **sent},
                follow_redirects=False,
            )
            assert answer.status_code == 403
            body = {"tier": "small"}
            answer = idle.http.post(
                f"/hub/api/users/{idle.name}/server",
                json=body,
                headers={**sent, "X-XSRFToken": xsrf},
            )
            assert answer.status_code == 403


ADDRESSES = [
    "/hub/spawn?tier=small",
    "/hub/spawn?profile=small",
    "/hub/spawn?opt-tier=small",
    "/hub/spawn?opt-profile=small",
    "/hub/spawn/bob?opt-tier=small&opt-prologue=id",
    "/hub/spawn/bob?tier=small&next=/hub/home",
    "/hub/spawn/bob?opt-=small",
    "/hub/spawn/bob?opt-tier=small%0a%23SBATCH",
    "/hub/spawn/bob/?opt-tier=small",
    "/hub/spawn-pending/bob?opt-tier=small",
    "/hub/user-redirect/lab?opt-tier=small",
    "/hub/user-redirect/lab",
    "/hub/home?opt-tier=small",
    "/hub/api/users/bob/server?tier=small",
    "/hub/api/users/bob/server/progress",
    "/user/bob/",
    "/user/bob/lab?opt-tier=small",
]


def test_no_address_starts_a_server(demo: Demo, idle: Person) -> None:
    """Another site's page could send its reader there. The hub's log is not filled by it, either."""
    start = end_of_log(demo.site)
    with nothing_changes(demo.site):
        for address in ADDRESSES:
            answer = idle.http.get(address)
            assert answer.status_code < 500 or answer.status_code == 503, address
    assert b"Traceback" not in logged(demo.site, start)


def test_without_a_session_all_of_it_is_refused(demo: Demo) -> None:
    with nothing_changes(demo.site):
        for method, path in [
            ("POST", "server"),
            ("PUT", "servers/x"),
            ("POST", "servers/x"),
            ("PATCH", "server"),
        ]:
            answer = call(
                demo.site.front.url, method, f"/hub/api/users/bob/{path}", json={"tier": "small"}
            )
            assert answer.status_code == 403
        assert (
            call(demo.site.front.url, "POST", "/hub/spawn/bob", data={"tier": "small"}).status_code
            == 403
        )


def test_none_of_it_reached_a_shell_or_broke_a_line_of_the_log(demo: Demo, idle: Person) -> None:
    assert not Path("/tmp/sitekit-attack").exists()
    start = end_of_log(demo.site)
    send(
        idle,
        {"tier": "nope\n[I 2026-01-01 00:00:00.000 JupyterHub base:1] User logged in: mallory"},
    )
    lines = logged(demo.site, start).splitlines()
    assert not [line for line in lines if line.startswith(b"[I 2026-01-01 00:00:00.000")]
    assert [line for line in lines if b"there is no tier" in line], "the log does not say why"
