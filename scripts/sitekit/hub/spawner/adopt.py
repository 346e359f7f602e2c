"""Adoption: a hub that starts takes over the servers of the hub before it, whether they run, start
or wait for room.

JupyterHub asks each server in its database for its URL, and stops the one that does not answer
there within http_timeout (app.py, check_spawner). Here the question is answered once the server
answers, however long Slurm takes. Until then it counts as starting: its user reads why it waits,
and can cancel it (to JupyterHub a check is neither).
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
    """The URL of a server that was started by an earlier hub, as soon as it answers there.

    For one that has ended it is a URL at which nothing answers: JupyterHub's own check then cleans
    up.
    """
    last, child = spawner.server.url, spawner.child_spawner
    if child is None:
        return last
    adoption = asyncio.ensure_future(_until_up(spawner, child))
    spawner._spawn_future, spawner._spawn_pending = adoption, True
    await asyncio.wait({adoption})
    spawner._spawn_pending = False
    # by its user; JupyterHub waits a second, then stops it (apihandlers/users.py, delete)
    if adoption.cancelled():
        spawner._spawn_future, spawner._check_pending = None, False
        # its check must never go on: the next server of this name may be another
        await asyncio.Event().wait()
    if adoption.exception() is None:
        spawner._spawn_future = None
        return adoption.result()
    spawner.http_timeout = 1  # on an object that JupyterHub replaces at the next start
    return last


async def _until_up(spawner: TierSpawner, child: Server) -> str:
    """Wait until the server listens and answers. Raises NotStarted, or SpawnException, when its job
    has ended."""
    was_up = bool(child.port_told())
    while True:
        if await child.poll() is not None:
            row = child.life.ledger.row(child.tag)
            raise (
                NotStarted(Card(**row.card))
                if row and row.card
                else SpawnException("The server has ended.")
            )
        base = await (
            child.until_listening() if was_up else child.listening_within(_time_left(child))
        )
        url = f"{base}{spawner.server.base_url}"
        try:
            (await fetch(f"{url}api", timeout=aiohttp.ClientTimeout(total=5))).release()
            break
        except (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError, OSError):
            await child.backend.queue.next()
    # JupyterHub's check writes it to `protocol` (app.py, check_spawner)
    spawner.server.proto = urlsplit(base).scheme
    if not was_up:
        await _open(spawner, child, base)
    return url


def _time_left(child: Server) -> float:
    """How long a start of an earlier hub may still last, in seconds: at least a minute, as the hub
    was away."""
    row = child.life.ledger.row(child.tag)
    patience = {tier.key: tier.start_timeout for tier in child.life.site.tiers}
    whole = patience.get(row.choice.get("tier", ""), max(patience.values())) if row else 0
    return max(60.0, (row.intended if row else 0) + whole - time.time())


async def _open(spawner: TierSpawner, child: Server, url: str) -> None:
    """Do what JupyterHub does at the end of a start, so that whoever waits on the progress page can
    go in."""
    spawner.server.ip, spawner.server.port = urlsplit(url).hostname, child.port
    object_session(spawner.orm_spawner).commit()
    child.persist()
    await JupyterHub.instance().proxy.add_user(spawner.user, spawner.name)
    spawner._spawn_pending = spawner._check_pending = False
