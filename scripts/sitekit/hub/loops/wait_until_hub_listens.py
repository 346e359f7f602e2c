"""Let a loop of the hub wait until the hub listens."""

from __future__ import annotations

import asyncio

from jupyterhub.app import JupyterHub

EVERY = 0.2  # seconds between two checks


async def wait_until_hub_listens() -> None:
    """Return when the hub accepts requests. JupyterHub sets http_server just before (app.py,
    start)."""
    while JupyterHub.instance().http_server is None:
        await asyncio.sleep(EVERY)
