"""A browser's way through a Shibboleth login, run where the site is. Prints what each step showed,
as JSON."""

from __future__ import annotations

import html
import json
import re
import sys
from urllib.parse import urljoin

import httpx


def form(page: httpx.Response) -> tuple[str, dict[str, str]]:
    """Where the page's form goes, and what is filled in."""
    action = html.unescape(re.search(r'<form[^>]*action="([^"]*)"', page.text)[1])
    fields = {}
    for field in re.findall(r"<input[^>]*>", page.text):
        name, value = re.search(r'name="([^"]*)"', field), re.search(r'value="([^"]*)"', field)
        if name:
            fields[name[1]] = html.unescape(value[1]) if value else ""
    return urljoin(str(page.url), action), fields


def login(base: str, user: str, password: str) -> dict[str, object]:
    # Apache closes a connection that is idle for some seconds; a request sent then would fail
    more = {"limits": httpx.Limits(max_keepalive_connections=0), "timeout": 120}
    with httpx.Client(verify=False, follow_redirects=True, **more) as browser:  # noqa: S501
        page = browser.get(f"{base}/hub/login")
        shown: dict[str, object] = {"asked by": page.url.host}
        if "<form" not in page.text:
            return shown | {"page": page.text}
        where, fields = form(page)
        page = browser.post(where, data=fields | {"username": user, "password": password})
        if "SAMLResponse" not in page.text:
            return shown | {"refused": True, "still out": browser.get(f"{base}/hub/home").url.host}
        where, fields = form(page)
        answer = browser.post(where, data={key: value for key, value in fields.items() if key})
        browser.cookies.set("_xsrf", "kept", domain="hub.test")
        forged = browser.get(f"{base}/hub/home", headers={"Shib-Identity-Provider": "x"})
        again = browser.get(
            f"{base}/hub/home", headers={"X-Remote-User": "root", "REMOTE_USER": "root"}
        )
        session = [cookie.name for cookie in browser.cookies.jar]
        return shown | {
            "seen": answer.json(),
            "again": again.json(),
            "forged": forged.status_code,
            "cookies": session,
        }


if __name__ == "__main__":
    print(json.dumps(login(*sys.argv[1:])))
