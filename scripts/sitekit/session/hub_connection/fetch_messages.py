"""Fetch from the hub the messages that JupyterLab shows (the site's announcements, and instructors'
messages), and the URLs of the hub's pages about this server."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from .tls_files_in_memory import Identity

EVERY, EVERY_IN_COURSE = 60.0, 20.0
"""Seconds between two requests. The first value is for servers without a course, the second for
servers of a course."""
LIMIT = 512 * 1024  # the largest number of bytes of an answer; the hub's answers are shorter


async def ask_for_messages(settings: dict[str, Any], identity: Identity | None) -> None:
    """Fetch the messages again and again until the server ends, and store the messages in
    `settings` for JupyterLab. If the hub does not answer, JupyterLab still shows the messages of
    the last answer."""
    from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

    request = HTTPRequest(
        os.environ["JUPYTERHUB_API_URL"] + "/sitekit/messages",
        headers={"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"},
        request_timeout=20,
        ssl_options=identity.calling() if identity else None,
    )
    every = EVERY_IN_COURSE if "course" in settings else EVERY
    while True:
        try:
            answer = await AsyncHTTPClient().fetch(request)
            settings["messages"] = read_messages(answer.body)
            settings["pages"] = read_pages(answer.body)
        except (HTTPClientError, OSError, ValueError):
            pass
        await asyncio.sleep(every)


def read_messages(body: bytes) -> list[dict[str, str]]:
    """Return the messages in the hub's answer. Raises ValueError if the answer contains no list of
    messages."""
    told = json.loads(body[:LIMIT])
    if not isinstance(told, dict) or not isinstance(told.get("messages"), list):
        raise ValueError("the hub's answer has no messages")
    keys = ("id", "from", "text", "level", "once")
    return [
        {key: str(one.get(key, "")) for key in keys}
        for one in told["messages"]
        if isinstance(one, dict)
    ]


def read_pages(body: bytes) -> dict[str, str]:
    """Return the addresses of the hub's pages about this server, a sentence about a tier with more
    memory, and the address of the translations.

    An older hub sends none of these values. The hub of an English site sends no address of
    translations.
    """
    told = json.loads(body[:LIMIT]).get("server")
    keys = ("home", "change", "end", "larger", "texts")
    return {key: str(told[key]) for key in keys if key in told} if isinstance(told, dict) else {}
