"""Start and stop servers with the hub's REST API, at the hub's own port.

If a participant has started a server before or during the drill (`make course_drill`), this server
is neither used nor stopped.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from ...base.errors import Problem
from ...contracts.internal_tls import client_context
from ...site import Site

HAD_ONE = "already has a server, which was not used"
WAIT = 900.0
"""A start counts as failed if the hub sends nothing about this start for this number of seconds."""
ANSWER = 60.0
"""stop() waits for at most this number of seconds until the hub has answered the request for the
start."""
LONGEST = 4 * 1024**2
"""The largest number of bytes that are read of a response, or of a line of the progress stream."""

Event = Mapping[str, Any]
Watch = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Do nothing with a progress event of a start. The function ignore() is the default for the
    argument `watch`."""


@dataclass
class _Sent:
    """A request to start a server.

    `at` is the time of the request. `started` is the time at which the server was started, as the
    hub's API reports this time; "" until start() has read it. `answered` is set when the hub has
    answered the request.
    """

    at: datetime
    answered: threading.Event = field(default_factory=threading.Event)
    started: str = ""


class HubClient:
    """Start and stop servers of one tier with the hub's API. Each request uses the API token of the
    server's user. Many threads can call the methods start() and stop() at the same time.
    """

    def __init__(self, site: Site, tier: str, tokens: Mapping[str, str]) -> None:
        self._site, self._tier, self._tokens = site, tier, tokens
        self._sent: dict[str, _Sent] = {}
        self._closed = False
        self._lock = threading.Lock()

    def start(self, user: str, watch: Watch = ignore) -> str:
        """Start the user's server, and wait until the server is ready. Return "", or the reason why
        the start failed.

        `watch` is called with each progress event. Raises Problem if the hub does not answer.
        """
        if self.server(user):
            return HAD_ONE
        with self._lock:
            if self._closed:
                return "was not started, because the drill was ending"
            sent = self._sent[user] = _Sent(datetime.now(timezone.utc))
        try:
            body = json.dumps({"tier": self._tier})
            status, said = self._ask("POST", f"{_path(user)}/server", user, body)
        finally:
            sent.answered.set()
        accepted = status in (201, 202)
        refused = "" if accepted else _message(said) or f"the hub answered {status}"
        why = refused or self._wait(user, watch)
        server = self.server(user)
        if server and self._is_own(sent, server):
            sent.started = server["started"]
            return why
        self._forget(user)  # a server that appears later belongs to no start of the drill
        # the hub also answers 202 if the user has started a server shortly before
        return HAD_ONE if server and accepted else why

    def close(self) -> None:
        """Start no more servers: from now on, start() returns without a request to the hub."""
        with self._lock:
            self._closed = True

    def stop(self, user: str) -> str:
        """Stop the user's server if start() has started it; return "", or the reason why the server
        still runs."""
        sent = self._sent.get(user)
        if sent is None:
            return ""
        sent.answered.wait(ANSWER)
        try:
            if (server := self.server(user)) and self._is_own(sent, server):
                status, said = self._ask("DELETE", f"{_path(user)}/server", user)
                if status not in (202, 204):
                    return _message(said) or f"the hub answered {status}"
        except Problem as problem:
            return problem.what
        if sent.answered.is_set():  # otherwise, the hub may still start the server
            self._forget(user)
        return ""

    def _forget(self, user: str) -> None:
        """Remove the record that start() has started a server of this user. stop() then does not
        stop a server that this user starts later."""
        with self._lock:
            self._sent.pop(user, None)

    def server(self, user: str) -> dict[str, Any] | None:
        """Return the hub's data about the user's default server, if the server runs, starts or
        stops; else None. Raises Problem."""
        status, said = self._ask("GET", _path(user), user)
        if status != 200:
            raise Problem(_message(said) or f"the hub answered {status}")
        try:
            server: dict[str, Any] | None = json.loads(said).get("servers", {}).get("")
        except (ValueError, AttributeError):
            raise Problem(f"the hub answered {said[:100]!r}") from None
        return server

    def _is_own(self, sent: _Sent, server: Mapping[str, Any]) -> bool:
        """Return True if start() has started this server, and False if the user has started it."""
        started = server.get("started")
        if (server.get("user_options") or {}).get("profile") != self._tier or not started:
            return False
        if sent.started:
            return bool(started == sent.started)
        return datetime.fromisoformat(started.replace("Z", "+00:00")) >= sent.at

    def _wait(self, user: str, watch: Watch) -> str:
        """Read the progress events of a start until the last event. Return "", or the reason why
        the start failed."""
        try:
            with closing(self._connection()) as hub:
                answer = self._send(hub, "GET", f"{_path(user)}/server/progress", user)
                if answer.status != 200:
                    return f"the hub answered {answer.status}"
                return outcome(lines_of(answer), watch)
        except (OSError, http.client.HTTPException) as error:
            raise Problem(f"the hub did not answer: {error!r}") from None

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._site.hub_listens_at, self._site.hub.port
        if self._site.internal_tls:
            # root can read the culler's certificate here; the hub accepts it only for the hub's API
            tls = client_context(self._site, "culler")
            return http.client.HTTPSConnection(host, port, timeout=WAIT, context=tls)
        return http.client.HTTPConnection(host, port, timeout=WAIT)

    def _ask(self, method: str, path: str, user: str, body: str | None = None) -> tuple[int, str]:
        """Send a request to the hub. Return the HTTP status and the text of the response. Raises
        Problem if the hub does not answer."""
        try:
            with closing(self._connection()) as hub:
                answer = self._send(hub, method, path, user, body)
                return answer.status, answer.read(LONGEST).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise Problem(f"the hub did not answer: {error!r}") from None

    def _send(
        self,
        hub: http.client.HTTPConnection,
        method: str,
        path: str,
        user: str,
        body: str | None = None,
    ) -> http.client.HTTPResponse:
        token = self._tokens[user]
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        hub.request(method, f"/hub/api/{path}", body, headers)
        return hub.getresponse()


def lines_of(answer: Any) -> Iterator[bytes]:
    """Yield the lines of an open HTTP response. A line that is too long is yielded in several
    parts."""
    return iter(lambda: answer.readline(LONGEST), b"")


def outcome(lines: Iterable[bytes], watch: Watch) -> str:
    """Read the progress events of a start until the last event. Return the reason why the start
    failed, or ""."""
    for line in lines:
        if line.startswith(b"data:"):
            event = json.loads(line[5:])
            watch(event)
            if event.get("ready"):
                return ""
            if event.get("failed"):
                return str(event.get("message", "failed"))
    return "the hub ended the connection"


def _path(user: str) -> str:
    return f"users/{quote(user, safe='')}"


def _message(said: str) -> str:
    """Return the error message in a JSON response of the hub."""
    try:
        return str(json.loads(said).get("message", ""))
    except (ValueError, AttributeError):
        return ""
