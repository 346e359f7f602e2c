"""Login with the cluster password, through a PAM service of the site's own. Nobody may come in by default."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from jupyterhub.auth import PAMAuthenticator
from tornado import web
from tornado.concurrent import run_on_executor

from ..site import Site

DELAY = 1.0  # seconds that a failure costs, doubled by each that follows on it
LONGEST = 30.0
WAITING = 5  # attempts in one name from one address that may wait at a time
REMEMBERED = 10_000  # names and addresses


class PatientAuthenticator(PAMAuthenticator):
    """PAM, with the delay after a failure outside of PAM, and with a second look at who is logged in.

    PAM's own delay holds one of JupyterHub's few threads (auth.py, executor_threads): some wrong passwords at once
    would keep everybody out. Here who fails waits alone: attempts in one name from one address come one by one.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._failures: Counter[tuple[str, str]] = Counter()
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}
        self._waiting: Counter[tuple[str, str]] = Counter()

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        who = (data["username"][:64], handler.request.remote_ip if handler else "")
        if self._waiting[who] >= WAITING:
            raise web.HTTPError(429, "Too many attempts at once. Wait a minute.")
        self._waiting[who] += 1
        try:
            async with self._turns.setdefault(who, asyncio.Lock()):
                return await self._attempt(who, handler, data)
        finally:
            self._waiting[who] -= 1
            if not self._waiting[who]:
                del self._waiting[who], self._turns[who]

    async def _attempt(self, who: tuple[str, str], handler: Any, data: dict[str, str]) -> str | None:
        if await super().authenticate(handler, data) is not None:
            del self._failures[who]
            return data["username"]
        self._failures[who] += 1
        await asyncio.sleep(min(LONGEST, DELAY * 2 ** (self._failures[who] - 1)))
        if len(self._failures) > REMEMBERED:
            self._failures.clear()
        return None

    @run_on_executor
    def refresh_user(self, user: Any, handler: Any = None) -> bool:
        """Every few minutes (auth_refresh_age): whoever left the allowed groups has to log in again, and cannot.

        A directory that is silent knows nobody: open notebooks are not to notice, so that counts as no news.
        """
        try:
            self._getpwnam(user.name)
            for group in self.allowed_groups:
                self._getgrnam(group)
        except KeyError:
            return True
        return bool(self.check_allowed(user.name))


def update_login(c: Any, site: Site) -> None:
    """Who may log in, and who administers, by Unix group; what they are asked for, and for how long it holds."""
    c.JupyterHub.authenticator_class = PatientAuthenticator
    c.PAMAuthenticator.service = f"sitekit-{site.name}"
    c.PAMAuthenticator.open_sessions = False  # needs root, which the hub is not
    c.PAMAuthenticator.allowed_groups = set(site.login.allowed_groups)
    c.PAMAuthenticator.admin_groups = set(site.login.admin_groups)
    c.PAMAuthenticator.executor_threads = 16  # they wait for sssd, or for a stack's own delay
    c.Authenticator.allow_all = False
    # JupyterHub would forget whom it cannot find when it starts, servers and all; a directory may be silent just then
    c.Authenticator.delete_invalid_users = False
    c.Authenticator.refresh_pre_spawn = True
    c.Authenticator.request_otp = site.login.second_factor == "totp"
    c.JupyterHub.cookie_max_age_days = site.login.session / 86400
