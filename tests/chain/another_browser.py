"""A browser where the other site is. Prints as JSON what it finds.

`attempts`: the cookies that each login got, none if it failed. `visit`: what an address leads to.
`leave`: what an administrator finds who is one no more, and then may not come in at all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import httpx


def browser(base: str) -> httpx.Client:
    # Apache closes a connection that is idle for some seconds; a request sent then would fail
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=base, verify=False, timeout=90, limits=limits)  # noqa: S501


SHOWN: list[str] = []
"""The codes that were computed."""


def code_of(told: str) -> str:
    """The code that an app shows at this moment, for `right:` and the secret; another one for
    `wrong:`; for `again` the last one; any other text as it is."""
    if told == "again":
        return SHOWN[-1]
    what, _, key = told.partition(":")
    if not key:
        return told
    words = ["oathtool", "--totp", "--base32", key]
    SHOWN.append(subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip())
    return SHOWN[-1] if what == "right" else f"{(int(SHOWN[-1]) + 1) % 10**6:06}"


def log_in(client: httpx.Client, name: str, password: str, code: str) -> bool:
    page = client.get("/hub/login")
    assert 'name="otp"' in page.text, "the login page asks for a code"
    xsrf = next(cookie.value for cookie in client.cookies.jar if cookie.name.endswith("_xsrf"))
    form = {"username": name, "password": password, "otp": code_of(code), "_xsrf": xsrf}
    return (
        client.post("/hub/login", data=form).status_code == 302
        and client.get("/hub/api/user").is_success
    )


def attempts(base: str, told: dict[str, list[str]]) -> dict[str, list[str]]:
    shown = {}
    for what, words in told.items():
        with browser(base) as client:
            came_in = log_in(client, *words)
            shown[what] = sorted(cookie.name for cookie in client.cookies.jar) if came_in else []
    return shown


def visit(base: str, url: str) -> dict[str, object]:
    with browser(base) as client:
        page = client.get(url, follow_redirects=True)
    shown = {
        "status": page.status_code,
        "text": page.text,
        "policy": page.headers.get("content-security-policy"),
    }
    return shown | {"host": page.url.host, "path": page.url.path}


def leave(base: str, words: list[str]) -> list[tuple[str, int, int]]:
    """After each step: where the home page is, and what an administrator's page and call by token
    are answered."""
    name, *_ = words
    groups = ("jupyter-users,jupyter-admins", "jupyter-users", "jupyter-admins")
    with browser(base) as client, browser(base) as program:
        subprocess.run(["usermod", "--groups", groups[0], name], check=True)
        assert log_in(client, *words)
        xsrf = next(cookie.value for cookie in client.cookies.jar if cookie.name.endswith("_xsrf"))
        made = client.post(f"/hub/api/users/{name}/tokens", json={}, headers={"X-XSRFToken": xsrf})
        program.headers["Authorization"] = f"token {made.json()['token']}"
        found = []
        for names in groups:
            subprocess.run(["usermod", "--groups", names, name], check=True)
            time.sleep(1.2)  # longer than what the hub remembers for
            home, admin = (
                client.get(f"/hub/{page}", follow_redirects=True) for page in ("home", "admin")
            )
            found.append(
                (home.url.path, admin.status_code, program.get("/hub/api/info").status_code)
            )
    return found


if __name__ == "__main__":
    base, what, told = sys.argv[1:]
    print(
        json.dumps(
            visit(base, told) if what == "visit" else globals()[what](base, json.loads(told))
        )
    )
