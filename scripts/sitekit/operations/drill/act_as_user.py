"""Act as one user of a drill: log in, open the form, start a server, run a cell, stop the server."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import quote

from ...base.errors import Problem
from .hub_client import HAD_ONE, LONGEST, HubClient, Watch, lines_of, outcome
from .requests_of_one_user import Browser, words_of

STOPPED = 300.0
"""The drill waits for at most this number of seconds until the hub has stopped a server."""
_REFUSAL = re.compile(r'(?s)class="[^"]*(?:spawn-error-msg|login_error)[^"]*"[^>]*>(.*?)</p>')


class User(Protocol):
    """The actions of a user in a drill. Each method raises Problem if it fails."""

    name: str

    def first_steps(self) -> Mapping[str, Callable[[], None]]:
        """Return the user's steps before the start of a server: name of the step -> function."""

    def start(self, watch: Watch) -> str:
        """Start a server, and wait until the server is ready. Return "", or the reason why the
        start failed.

        `watch` is called with each progress event.
        """

    def run_cell(self) -> None:
        """Run a cell in a kernel of the server."""

    def stop(self) -> None:
        """Stop the server that start() has started, and wait until this server has stopped. A
        server that the user has started without the drill is not stopped."""


class NewUser:
    """Act as a user whom the drill has created, with a browser and a password."""

    def __init__(self, browser: Browser, password: str, tier: str) -> None:
        self.name, self._browser = browser.user, browser
        self._password, self._tier, self._asked = password, tier, False

    def first_steps(self) -> Mapping[str, Callable[[], None]]:
        return {"login": self._log_in, "form": self._open_form}

    def _log_in(self) -> None:
        self._browser.send("GET", "/hub/login")
        form = {"username": self.name, "password": self._password}
        answer = self._browser.send("POST", "/hub/login", self._with_xsrf(form))
        if answer.status >= 400 or answer.path.endswith("/login"):
            raise Problem(f"the login was refused: {_refusal(answer.text)}")

    def _open_form(self) -> None:
        answer = self._browser.send("GET", "/hub/spawn")
        if answer.status != 200 or f'value="{self._tier}"' not in answer.text:
            raise Problem(f"the form has no tier {self._tier}: {answer.status}")

    def start(self, watch: Watch) -> str:
        self._asked = True
        path = f"/hub/spawn/{quote(self.name, safe='')}?_xsrf={self._browser.xsrf('/hub/')}"
        answer = self._browser.send("POST", path, self._with_xsrf({"tier": self._tier}))
        if answer.status >= 400:
            return f"the form was refused: {_refusal(answer.text)}"
        query = f"?_xsrf={self._browser.xsrf('/hub/')}"
        with self._browser.opened("GET", f"{self._api}/server/progress{query}") as events:
            if events.status != 200:
                said = words_of(events.read(LONGEST).decode("utf-8", "replace"))
                return f"the progress of the start: {events.status} {said[:200]}"
            return outcome(lines_of(events), watch)

    def run_cell(self) -> None:
        self._browser.run_cell()

    def stop(self) -> None:
        if not self._asked:
            return
        self._browser.send("DELETE", f"{self._api}/server")
        self._wait_until_stopped()

    def _wait_until_stopped(self) -> None:
        end = time.monotonic() + STOPPED
        while self._has_server():
            if time.monotonic() > end:
                raise Problem("the server did not stop")
            time.sleep(1)

    def _has_server(self) -> bool:
        answer = self._browser.send("GET", self._api)
        if answer.status != 200:
            raise Problem(f"the hub answered {answer.status} about the server")
        return bool(json.loads(answer.text)["servers"])

    @property
    def _api(self) -> str:
        return f"/hub/api/users/{quote(self.name, safe='')}"

    def _with_xsrf(self, form: dict[str, str]) -> dict[str, str]:
        return {**form, "_xsrf": self._browser.xsrf("/hub/")}


class KnownUser:
    """Act as an existing user of the site, with an API token of the hub, because the user's
    password is not known."""

    def __init__(self, browser: Browser, client: HubClient) -> None:
        self.name, self._browser, self._client = browser.user, browser, client
        self._started = False

    def first_steps(self) -> Mapping[str, Callable[[], None]]:
        """Return no steps. A user with a token does not have to log in, and the request for the
        server contains the tier."""
        return {}

    def start(self, watch: Watch) -> str:
        why = self._client.start(self.name, watch)
        self._started = why != HAD_ONE
        return why

    def run_cell(self) -> None:
        self._browser.run_cell()

    def stop(self) -> None:
        if why := self._client.stop(self.name):
            raise Problem(why)
        end = time.monotonic() + STOPPED
        while self._started and (server := self._client.server(self.name)):
            if server.get("pending") != "stop":
                return  # the user has started another server
            if time.monotonic() > end:
                raise Problem("the server did not stop")
            time.sleep(1)


def _refusal(page: str) -> str:
    """Return the reason for which the hub refused a request, from the hub's HTML page, on one
    line."""
    found = _REFUSAL.search(page)
    return words_of(html.unescape(found[1] if found else page))[:200]
