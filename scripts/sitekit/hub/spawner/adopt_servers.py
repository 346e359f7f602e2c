"""Manage servers that were started before the hub was restarted, whether they run, start or wait in
the queue.

When JupyterHub starts, it calls get_url() of each server in its database. JupyterHub stops a server
that does not answer at that URL within http_timeout (app.py, check_spawner). sitekit's get_url()
returns only when the server answers, however long Slurm takes. Until get_url() returns, the
progress page shows that the server is starting, and the reason why the server waits. The user can
cancel the start. JupyterHub's own check of a server at the hub's start waits for a shorter time
than Slurm can need.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import aiohttp
from jupyterhub.app import JupyterHub
from jupyterhub.httpclient import fetch
from jupyterhub.spawner import SpawnException
from sqlalchemy.orm import object_session
from wrapspawner import ProfilesSpawner

from ...base.language import gettext as _
from ..messages.failed_start_cards import Card
from .not_started import NotStarted
from .server_spawner import Server


class AdoptingSpawner(ProfilesSpawner):
    """Add to a spawner with a child spawner the methods that manage servers which were started
    before the hub was restarted."""

    child_spawner: Server | None
    _spawn_future: asyncio.Future[str] | None

    async def get_url(self) -> str:
        """Wait until the server answers, and return its URL.

        JupyterHub calls this method when it starts and finds this server in its database. For a
        server that has ended, return a URL at which nothing answers. JupyterHub's own check removes
        a server if nothing answers at the server's URL.
        """
        last, child = self.server.url, self.child_spawner
        if child is None:
            return last
        adoption = asyncio.ensure_future(self._wait_until_up(child))
        self._spawn_future, self._spawn_pending = adoption, True
        await asyncio.wait({adoption})
        self._spawn_pending = False
        # the user has cancelled the start; JupyterHub stops the server a second later
        # (apihandlers/users.py, delete)
        if adoption.cancelled():
            self._spawn_future, self._check_pending = None, False
            # JupyterHub's check must not continue, because the user may start a server with the
            # same name again
            await asyncio.Event().wait()
        if adoption.exception() is None:
            self._spawn_future = None
            return adoption.result()
        self.http_timeout = 1  # JupyterHub replaces this object at the next start
        return last

    async def _wait_until_up(self, child: Server) -> str:
        """Wait until the server listens and answers, and return its URL.

        Raises NotStarted or SpawnException if the server's job has ended.
        """
        was_up = bool(child.reported_port())
        while True:
            await _raise_if_ended(child)
            if was_up:
                base = await child.wait_for_callback()
            else:
                base = await child.wait_until_listening(_time_left(child))
            url = f"{base}{self.server.base_url}"
            if await _answers(url):
                break
            await child.backend.queue.next()
        # JupyterHub's check copies `proto` to `protocol` (app.py, check_spawner)
        self.server.proto = urlsplit(base).scheme
        if not was_up:
            await self._open(child, base)
        return url

    async def _open(self, child: Server, url: str) -> None:
        """Add the server's route and mark the server as started, as JupyterHub does at the end of a
        start.

        With the route, the user who waits on the progress page can open the server.
        """
        self.server.ip, self.server.port = urlsplit(url).hostname, child.port
        object_session(self.orm_spawner).commit()
        child.persist()
        await JupyterHub.instance().proxy.add_user(self.user, self.name)
        self._spawn_pending = self._check_pending = False


async def _raise_if_ended(child: Server) -> None:
    """Raise NotStarted with the server's card (the text with the reason), or SpawnException, if the
    server's job has ended."""
    if await child.poll() is None:
        return
    row = child.hub_state.ledger.row(child.tag)
    if row and row.card:
        raise NotStarted(Card(**row.card))
    raise SpawnException(_("The server has ended."))


async def _answers(url: str) -> bool:
    """Return whether a server answers a request to its API below `url` within five seconds."""
    try:
        (await fetch(f"{url}api", timeout=aiohttp.ClientTimeout(total=5))).release()
    except (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError, OSError):
        return False
    return True


def _time_left(child: Server) -> float:
    """Return how many seconds are left for a start that an earlier hub began.

    The result is at least a minute, because the start could not continue while the hub was down.
    """
    row = child.hub_state.ledger.row(child.tag)
    if row is None:
        return 60.0
    try:
        timeout = child.hub_state.tier(row.choice.get("tier", "")).start_timeout
    except KeyError:  # the tier or the course was removed
        timeout = max(tier.start_timeout for tier in child.hub_state.site.tiers)
    return max(60.0, row.intended + timeout - time.time())
