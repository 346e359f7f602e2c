"""Wait until the hub answers, and report the server's port to the hub."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

from ..log_start import log_start
from .tls_files_in_memory import Identity

if TYPE_CHECKING:  # tornado is loaded only after the hub has answered
    from tornado.httpclient import HTTPRequest

HUB_TIMEOUT = 300.0
"""Seconds that a starting server waits until the hub answers. When the hub has answered, the server
waits at most the same time until the hub accepts the server's port."""


def await_hub(api: str, identity: Identity | None = None, timeout: float = HUB_TIMEOUT) -> None:
    """Wait until the hub answers, because the hub may be restarting. End the job if the hub does
    not answer in time. Otherwise, a server on a node that cannot reach the hub would run until the
    tier's time limit.
    """
    end, pause, logged = time.monotonic() + timeout, 1.0, False
    while trouble := _no_hub(api, identity):
        if time.monotonic() > end:
            sys.exit(_giving_up(api, timeout, trouble))
        if not logged:
            print(
                f"sitekit: no answer of the hub yet at {api} ({trouble}); trying again", flush=True
            )
        logged = True
        time.sleep(pause)
        pause = min(15, pause * 1.5)


def _no_hub(api: str, identity: Identity | None) -> str:
    """Send a request to the hub at `api`. Return "" if the hub answers. If no program or another
    program answers, return the reason."""
    tls = [urllib.request.HTTPSHandler(context=identity.calling())] if identity else []
    # connect directly, even if job.sh sets http_proxy
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), *tls)
    try:
        with direct.open(f"{api.rstrip('/')}/", timeout=10) as answer:
            content = json.loads(answer.read(10_000))
        if isinstance(content, dict) and "version" in content:
            return ""
        return "the program that answers there is no JupyterHub"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__


def _giving_up(api: str, timeout: float, trouble: object) -> str:
    """Return the log line for a hub that did not answer. hub/messages/ended_cards.py searches the
    job's log for this line."""
    return f"sitekit: the hub did not answer at {api} within {timeout:.0f} s ({trouble}); giving up"


async def tell_hub(
    port: int, identity: Identity | None = None, timeout: float = HUB_TIMEOUT
) -> None:
    """Send the server's port to the hub (POST) again and again until the hub accepts the port. End
    the server if the hub refuses the port, or has not accepted it after `timeout` seconds."""
    request = _listening(port, identity)
    pause, end = 0.5, time.monotonic() + timeout
    while trouble := await _post(request):
        # only the hub answers with these codes; a 404 can come from another service
        if getattr(trouble, "code", None) in (400, 401, 403):
            return _end_server(
                f"sitekit: the hub no longer accepts this server ({trouble}); ending"
            )
        if time.monotonic() > end:
            return _end_server(_giving_up(os.environ["JUPYTERHUB_API_URL"], timeout, trouble))
        print(f"sitekit: could not report the port to the hub: {trouble}; trying again", flush=True)
        await asyncio.sleep(pause)
        pause = min(15.0, pause * 1.5)
    log_start("reported to the hub")


def _listening(port: int, identity: Identity | None) -> HTTPRequest:
    """Return the HTTP request that reports the port to the hub."""
    from tornado.httpclient import HTTPRequest

    return HTTPRequest(
        os.environ["JUPYTERHUB_API_URL"] + "/sitekit/listening",
        method="POST",
        headers={
            "Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}",
            "Content-Type": "application/json",
        },
        body=json.dumps({"port": port}),
        request_timeout=20,
        ssl_options=identity.calling() if identity else None,
    )


async def _post(request: HTTPRequest) -> Exception | None:
    """Send the request with the port. Return the error, or None if the hub has accepted the
    port."""
    from tornado.httpclient import AsyncHTTPClient, HTTPClientError

    try:
        await AsyncHTTPClient().fetch(request)
    except (HTTPClientError, OSError) as error:
        # 409: the hub has the port already, because its answer to an earlier request was lost
        return None if getattr(error, "code", None) == 409 else error
    return None


def _end_server(why: str) -> None:
    """Print why the server ends, and end the server with SIGTERM."""
    print(why, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
