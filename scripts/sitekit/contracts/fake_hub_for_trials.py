"""Provide a minimal hub, with which a test starts a user's server in the same way as a job does.

The tests of a new release and of container images use this module.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def trial_environment(
    hub: int, home: str, settings: Mapping[str, Any], user: str = "u"
) -> dict[str, str]:
    """Return the environment variables that a job gets from the gate and the hub.

    `hub` is the port of the minimal hub. `settings` are the settings for users' servers in
    gate.json.
    """
    api = f"http://127.0.0.1:{hub}/hub/api"
    return {
        "HOME": home,
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/sh",
        "SITEKIT_SESSION": json.dumps(settings),
        "JUPYTERHUB_API_URL": api,
        "JUPYTERHUB_API_TOKEN": secrets.token_hex(16),
        "JUPYTERHUB_ACTIVITY_URL": f"{api}/users/u/activity",
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-u",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_USER": "u",
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/u/",
        "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:0/user/u/",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/u/oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": '["access:servers!server=u/"]',
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!server=u/"]',
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": "[]",
        "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
    }


@contextmanager
def trial_hub() -> Iterator[tuple[int, list[int]]]:
    """Run a minimal hub that answers the requests of a starting server.

    Yields the port of this hub, and the list of the ports that servers reported.
    """
    told: list[int] = []

    class Hub(BaseHTTPRequestHandler):
        """Answer the HTTP requests that a starting server sends to its hub."""

        def do_GET(self) -> None:
            self._reply(b'{"version": ""}')

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("/sitekit/listening"):
                told.append(json.loads(body)["port"])
            self._reply(b'{"version": ""}')

        def _reply(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1], told
        finally:
            server.shutdown()
