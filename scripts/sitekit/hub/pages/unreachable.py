"""What is shown at the address of a server that does not answer: that it ended, and why, as soon as
Slurm says so."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.handlers.base import UserUrlHandler
from jupyterhub.handlers.pages import ProxyErrorHandler

from ..servers.hub_state import Life
from .stopped_servers import is_suspended

PATIENCE = 4.0  # seconds that a page waits for Slurm's word and for JupyterHub's clean-up


class NoAnswerHandler(ProxyErrorHandler):
    """The proxy asks for this page when a server does not answer it. JupyterHub's says "try
    restarting your server", which is no help while the hub still takes it for running. The proxy
    hands on no cookies, so that nobody is known here: the page leads its reader to the hub's own
    address for that server, where the same is asked with a login."""

    life: Life

    async def get(self, status_code_s: str) -> None:
        path = urlsplit(self.get_query_argument("url", "")).path
        if status_code_s != "503" or not path.startswith("/user/"):
            await super().get(status_code_s)
            return
        for backend in self.life.backends.values():
            # the lab asks for its server again and again: its end is noticed soon
            backend.queue.look()
        # without JupyterHub's ?redirects=N: its limit of redirects is for a browser that goes on
        # without a pause
        url = f"{self.life.site.front.url}/hub{path}"
        what = "Your server does not answer."
        self.write(await self.render_template("unreachable.html", next=url, seconds=3, what=what))


class ServerPageHandler(UserUrlHandler):
    """The hub's own address for a server. JupyterHub sends the reader back to one that it takes for
    running, for up to poll_interval after its end; here Slurm is asked first."""

    life: Life

    async def get(self, user_name: str, user_path: str) -> None:
        if spawner := self._running(user_name, user_path):
            await look_after(spawner)
            if is_suspended(spawner):
                self.set_status(503)
                what = "Slurm has suspended your server's job. Your server goes on when Slurm resumes it."
                html = await self.render_template(
                    "unreachable.html", next=self.request.uri, seconds=15, what=what
                )
                await self.finish(html)
                return
        await super().get(user_name, user_path)

    def _running(self, user_name: str, user_path: str) -> Any:
        """The caller's own server with this address, if JupyterHub takes it for running."""
        user = self.current_user
        if user is None or getattr(user, "kind", "") != "user" or user.name != user_name:
            return None
        name = (user_path or "").lstrip("/").split("/", 1)[0]
        spawner = user.spawners[name if name in user.orm_user.orm_spawners else ""]
        return spawner if spawner.ready else None


async def look_after(spawner: Any) -> None:
    """Have JupyterHub notice at once a server whose job has ended. Waits for Slurm some seconds at
    most."""
    with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
        await asyncio.wait_for(_look_after(spawner), PATIENCE)


async def _look_after(spawner: Any) -> None:
    await spawner.child_spawner.backend.queue.newer()
    if await spawner.poll() is not None:
        await spawner.poll_and_notify()
        # the loop over ended servers may have been first
        while spawner.ready or spawner.pending == "stop":
            await asyncio.sleep(0.1)
