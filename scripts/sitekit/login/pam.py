"""Login with the cluster password, through a PAM service of the site's own. Nobody may come in by default."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from jupyterhub.auth import PAMAuthenticator
from tornado.concurrent import run_on_executor

from ..site import Site
from .patience import Patience, Turns

SILENCE = 3600.0  # seconds for which a directory that does not know somebody is taken to be silent


class PatientAuthenticator(PAMAuthenticator):
    """PAM, with the delay after a failure outside of PAM, and with a second look at who is logged in.

    PAM's own delay holds one of JupyterHub's few threads (auth.py, executor_threads): some wrong passwords at once
    would keep everybody out. Here who fails waits alone: attempts in one name from one address come one by one, and all
    from one address may fail so often, whatever the names.
    """

    accounts: ClassVar[set[str]] = set()
    """Those of the names that somebody has typed here which are accounts' names: others are not to be logged."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._names: Patience[tuple[str, str]] = Patience()
        self._addresses: WeakValueDictionary[str, Turns] = WeakValueDictionary()  # those with turns that are out
        self._unknown: dict[str, float] = {}

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        address = network_of(handler.request.remote_ip) if handler else ""
        name = self.normalize_username(data["username"])[:64], address
        async with self._names.turn(name):
            turns = self._addresses.setdefault(address, Turns())
            if await turns.ask(partial(self._look, handler, data)) is not None:
                self._names.forget(name)
                return data["username"]
            await asyncio.sleep(max(self._names.failed(name), turns.delay()))
            return None

    async def _look(self, handler: Any, data: dict[str, str]) -> str | None:
        await self._note_account(data["username"])
        return await super().authenticate(handler, data)

    async def is_admin(self, handler: Any, authentication: dict[str, Any]) -> bool:
        """Without `admin_groups` JupyterHub's says None (auth.py): nobody would ever cease to administer."""
        return bool(await super().is_admin(handler, authentication))

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:
        """Every few minutes (auth_refresh_age): whoever left the allowed groups has to log in again, and cannot.

        A directory that is silent knows nobody. Open notebooks are not to notice: that counts as no news for a while.
        """
        try:
            allowed = await self._is_allowed(user.name)
            admin = allowed and await self.is_admin(handler, {"name": user.name})
            self._unknown.pop(user.name, None)
        except KeyError:
            now = time.monotonic()
            if now - self._unknown.setdefault(user.name, now) < SILENCE:
                return True
            allowed = admin = False
        standing = {"name": user.name, "admin": admin}
        if user.admin and not allowed:  # the tokens of whoever has to log in again stay valid (auth_refresh_strict)
            await handler.auth_to_user(standing, user)
        return allowed and standing

    @run_on_executor
    def _note_account(self, name: str) -> None:
        with suppress(KeyError, ValueError):  # a name with a null byte, or one that is no UTF-8
            self.accounts.add(self._getpwnam(name).pw_name)

    @run_on_executor
    def _is_allowed(self, name: str) -> bool:
        """Raises KeyError for a name, or for a group of the site's, that the directory does not know."""
        self._getpwnam(name)
        for group in self.allowed_groups:
            self._getgrnam(group)
        return bool(self.check_allowed(name))


def network_of(address: str) -> str:
    """The addresses among which one client can choose: with IPv6 a /64, else the one."""
    ip = ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip_network((ip, 64 if ip.version == 6 else 32), strict=False))


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
    c.JupyterHub.token_expires_in_max_seconds = site.login.tokens or 0
