"""A browser where the other site is. Prints as JSON what it finds.

`attempts`: the cookies that each login got, none if it failed. `visit`: what an address leads to. `leave`: where the
hub's page is for one who logs in, and then leaves the group.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import httpx


def browser(base: str) -> httpx.Client:
    return httpx.Client(base_url=base, verify=False, timeout=60)  # noqa: S501


def log_in(client: httpx.Client, name: str, password: str, code: str) -> bool:
    page = client.get("/hub/login")
    assert 'name="otp"' in page.text, "the login page asks for a code"
    xsrf = next(cookie.value for cookie in client.cookies.jar if cookie.name.endswith("_xsrf"))
    form = {"username": name, "password": password, "otp": code, "_xsrf": xsrf}
    return client.post("/hub/login", data=form).status_code == 302 and client.get("/hub/api/user").is_success


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
    shown = {"status": page.status_code, "text": page.text, "policy": page.headers.get("content-security-policy")}
    return shown | {"host": page.url.host, "path": page.url.path}


def leave(base: str, words: list[str]) -> dict[str, str]:
    with browser(base) as client:
        assert log_in(client, *words)
        before = client.get("/hub/home", follow_redirects=True).url.path
        subprocess.run(["gpasswd", "--delete", words[0], "jupyter-users"], check=True, stdout=subprocess.DEVNULL)
        time.sleep(1.2)  # longer than what the hub remembers it for
        return {"before": before, "after": client.get("/hub/home", follow_redirects=True).url.path}


if __name__ == "__main__":
    base, what, told = sys.argv[1:]
    print(json.dumps(visit(base, told) if what == "visit" else globals()[what](base, json.loads(told))))
