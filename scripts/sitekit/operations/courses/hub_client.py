"""Start and stop servers by the hub's REST API, at the hub's own port."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from urllib.parse import quote

from ...base.errors import Problem
from ...contracts.internal_tls import calling
from ...site import Site

HAD_ONE = "has a server already, which was left alone"
WAIT = 900.0
"""Seconds in which the hub must send something about a server that starts."""


class HubClient:
    """Call the hub with the token of a user, whose servers alone the token can start and stop."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def start(self, user: str, token: str, tier: str) -> str:
        """Start the user's server and wait for it; return why it is not ready, or "".

        Raises Problem if the hub does not answer.
        """
        try:
            with closing(self._connection()) as hub:
                body = json.dumps({"tier": tier})
                answer = self._ask(hub, "POST", f"users/{quote(user)}/server", token, body)
                said = answer.read().decode("utf-8", "replace")
                if answer.status == 400 and "already" in said:
                    return HAD_ONE
                if answer.status not in (201, 202):
                    return _message(said) or f"the hub answered {answer.status}"
            return self._wait(user, token)
        except (OSError, http.client.HTTPException) as error:
            raise Problem(f"the hub did not answer: {error!r}") from None

    def stop(self, user: str, token: str, why: str) -> None:
        """Stop the user's server, unless it was there before the drill."""
        if why == HAD_ONE:
            return
        try:
            with closing(self._connection()) as hub:
                self._ask(hub, "DELETE", f"users/{quote(user)}/server", token).read()
        except (OSError, http.client.HTTPException) as error:
            raise Problem(f"the server of {user} was not stopped: {error!r}") from None

    def _wait(self, user: str, token: str) -> str:
        """Read the events of a start until its end; return why it failed, or ""."""
        with closing(self._connection()) as hub:
            answer = self._ask(hub, "GET", f"users/{quote(user)}/server/progress", token)
            if answer.status != 200:
                return f"the hub answered {answer.status}"
            for line in answer:
                if line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    if event.get("ready"):
                        return ""
                    if event.get("failed"):
                        return str(event.get("message", "failed"))
        return "the hub ended the connection"

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._site.hub_listens_at, self._site.hub.port
        if self._site.internal_tls:
            # the culler's certificate: root has it here, and the hub accepts it for its API only
            tls = calling(self._site, "culler")
            return http.client.HTTPSConnection(host, port, timeout=WAIT, context=tls)
        return http.client.HTTPConnection(host, port, timeout=WAIT)

    @staticmethod
    def _ask(
        hub: http.client.HTTPConnection, method: str, path: str, token: str, body: str | None = None
    ) -> http.client.HTTPResponse:
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        hub.request(method, f"/hub/api/{path}", body, headers)
        return hub.getresponse()


def _message(said: str) -> str:
    """Return the message in the hub's answer."""
    try:
        return str(json.loads(said).get("message", ""))
    except (ValueError, AttributeError):
        return ""
