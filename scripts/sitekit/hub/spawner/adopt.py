"""Take over servers that an earlier hub started, whether they run, start or wait for room.

When JupyterHub starts, it calls get_url() of each server in its database. JupyterHub stops a server
that does not answer at that URL within http_timeout (app.py, check_spawner). sitekit's get_url()
returns only when the server answers, however long Slurm takes. Until get_url() returns, the page
shows the server as starting, and its user can read why it waits and can cancel it. JupyterHub's own
check allows neither.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from jupyterhub.app import JupyterHub
from jupyterhub.httpclient import fetch
from jupyterhub.spawner import SpawnException
from sqlalchemy.orm import object_session

from ..messages.cards import Card
from .not_started import NotStarted
from .server import Server

if TYPE_CHECKING:
    from .tier_spawner import TierSpawner


async def adopted_url(spawner: TierSpawner) -> str:
    """Wait until a server of an earlier hub answers, and return its URL.

    For a server that has ended, return a URL at which nothing answers. JupyterHub's own check then
    cleans up.
    """
    last, child = spawner.server.url, spawner.child_spawner
    if child is None:
        return last
    adoption = asyncio.ensure_future(_wait_until_up(spawner, child))
    spawner._spawn_future, spawner._spawn_pending = adoption, True
    await asyncio.wait({adoption})
    spawner._spawn_pending = False
    # its user cancelled it; JupyterHub waits a second, then stops it (apihandlers/users.py, delete)
    if adoption.cancelled():
        spawner._spawn_future, spawner._check_pending = None, False
        # JupyterHub's check must not go on: the next server of this name may be another one
        await asyncio.Event().wait()
    if adoption.exception() is None:
        spawner._spawn_future = None
        return adoption.result()
    spawner.http_timeout = 1  # of this object only, which JupyterHub replaces at the next start
    return last


async def _wait_until_up(spawner: TierSpawner, child: Server) -> str:
    """Wait until the server listens and answers.

    Raises NotStarted, or SpawnException, if its job has ended.
    """
    was_up = bool(child.reported_port())
    while True:
        if await child.poll() is not None:
            row = child.hub_state.ledger.row(child.tag)
            if row and row.card:
                raise NotStarted(Card(**row.card))
            raise SpawnException("The server has ended.")
        if was_up:
            base = await child.wait_for_callback()
        else:
            base = await child.wait_until_listening(_time_left(child))
        url = f"{base}{spawner.server.base_url}"
        try:
            (await fetch(f"{url}api", timeout=aiohttp.ClientTimeout(total=5))).release()
            break
        except (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError, OSError):
            await child.backend.queue.next()
    # JupyterHub's check copies this to `protocol` (app.py, check_spawner)
    spawner.server.proto = urlsplit(base).scheme
    if not was_up:
        await _open(spawner, child, base)
    return url


def _time_left(child: Server) -> float:
    """Return how many seconds are left for a start that an earlier hub began.

    The result is at least a minute, because the start could not continue while the hub was down.
    """
    row = child.hub_state.ledger.row(child.tag)
    if row is None:
        return 60.0
    timeouts = {tier.key: tier.start_timeout for tier in child.hub_state.site.tiers}
    timeout = timeouts.get(row.choice.get("tier", ""), max(timeouts.values()))
    return max(60.0, row.intended + timeout - time.time())


async def _open(spawner: TierSpawner, child: Server, url: str) -> None:
    """Do the same as JupyterHub does at the end of a start.

    The user who waits on the progress page can then open the server.
    """
    spawner.server.ip, spawner.server.port = urlsplit(url).hostname, child.port
    object_session(spawner.orm_spawner).commit()
    child.persist()
    await JupyterHub.instance().proxy.add_user(spawner.user, spawner.name)
    spawner._spawn_pending = spawner._check_pending = False
