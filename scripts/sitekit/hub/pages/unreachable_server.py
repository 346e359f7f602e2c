"""Show a page at the URL of a server that does not answer.

As soon as Slurm reports the end of the server's job, the page shows that the server has ended, and
the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.handlers.base import UserUrlHandler
from jupyterhub.handlers.pages import ProxyErrorHandler

from ...base.language import gettext as _
from ..servers.shared_objects import HubState
from .route_stopped_servers_to_hub import is_suspended

# Seconds that a page waits for Slurm's answer and JupyterHub's clean-up. This is longer than the
# query of Slurm about how a job has ended (backends/slurm/ended_jobs_and_node_addresses.py, ended_job).
CLEAN_UP_TIMEOUT = 8.0


class NoAnswerHandler(ProxyErrorHandler):
    """Answer the proxy's request for an error page, when a server does not answer the proxy.

    JupyterHub's own error page advises to restart the server, which does not help while the hub
    counts the server as running. Because the proxy's request contains no cookies, the hub cannot
    identify the user. Therefore, the error page opens the hub's own URL for the server, where the
    user is logged in.
    """

    hub_state: HubState

    async def get(self, status_code_s: str) -> None:
        path = urlsplit(self.get_query_argument("url", "")).path
        if status_code_s != "503" or not path.startswith("/user/"):
            await super().get(status_code_s)
            return
        for backend in self.hub_state.backends.values():
            # query the jobs now, because the server's job may have ended
            backend.queue.look()
        # JupyterHub's ?redirects=N, which counts redirects without a pause, is not in this URL,
        # because this page waits some seconds before each redirect.
        url = f"{self.hub_state.site.front.url}/hub{path}"
        what = _("Your server does not answer.")
        self.write(await self.render_template("unreachable.html", next=url, seconds=3, what=what))


class ServerPageHandler(UserUrlHandler):
    """Answer requests at the hub's own URL for a server.

    JupyterHub itself redirects the user to a server that JupyterHub counts as running. A server
    counts as running until the next poll, even if the server has ended. Because ServerPageHandler
    queries Slurm first, users are not sent to an ended server.
    """

    hub_state: HubState

    async def get(self, user_name: str, user_path: str) -> None:
        if spawner := self._running(user_name, user_path):
            await notice_end(spawner)
            if is_suspended(spawner):
                self.set_status(503)
                what = _(
                    "Slurm has suspended your server's job. Your server continues when Slurm resumes it."
                )
                html = await self.render_template(
                    "unreachable.html", next=self.request.uri, seconds=15, what=what
                )
                await self.finish(html)
                return
        await super().get(user_name, user_path)

    def _running(self, user_name: str, user_path: str) -> Any:
        """Return the spawner of the user's own server at this URL; None if JupyterHub does not
        count this server as running, or if the server belongs to another user."""
        user = self.current_user
        if user is None or getattr(user, "kind", "") != "user" or user.name != user_name:
            return None
        name = (user_path or "").lstrip("/").split("/", 1)[0]
        spawner = user.spawners[name if name in user.orm_user.orm_spawners else ""]
        return spawner if spawner.ready else None


async def notice_end(spawner: Any) -> None:
    """Query Slurm, and make JupyterHub clean up at once if the server's job has ended. Waits for
    Slurm at most CLEAN_UP_TIMEOUT seconds.
    """
    with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
        await asyncio.wait_for(_notice_end(spawner), CLEAN_UP_TIMEOUT)


async def _notice_end(spawner: Any) -> None:
    await spawner.child_spawner.backend.queue.newer()
    if await spawner.poll() is not None:
        await spawner.poll_and_notify()
        # the loop in spawner/watch_endings.py may already handle this end
        while spawner.ready or spawner.pending == "stop":
            await asyncio.sleep(0.1)
