"""Configuration of a hub: once it is up, alice gets another spawner."""

import asyncio

from jupyterhub.app import JupyterHub
from jupyterhub.spawner import LocalProcessSpawner


async def replace_later() -> None:
    while not (app := JupyterHub.instance()).http_server:
        await asyncio.sleep(0.1)
    user = app.users["alice"]
    user.spawners[""] = user._new_spawner("", spawner_class=LocalProcessSpawner)


task = asyncio.get_running_loop().create_task(replace_later())
