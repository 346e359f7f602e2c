"""Configuration of a hub: its users are read before our spawner has its place."""

import asyncio

from jupyterhub.app import JupyterHub


async def read_early() -> None:
    _ = JupyterHub.instance().users


task = asyncio.get_running_loop().create_task(read_early())
