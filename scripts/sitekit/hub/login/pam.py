"""Login with the cluster password, through a PAM service of the site's own. Nobody may come in by
default."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import pamela
from jupyterhub.auth import PAMAuthenticator
from tornado import web
from tornado.concurrent import run_on_executor

from ...site import Site
from .rate_limit import Patience, Turns

SILENCE = 3600.0  # seconds for which a directory that does not know somebody is taken to be silent


class PatientAuthenticator(PAMAuthenticator):
    """PAM, with the delay after a failure outside of PAM, and with a second look at who is logged
    in.

    PAM's own delay holds one of JupyterHub's few threads (auth.py, executor_threads): some wrong
    passwords at once would keep everybody out. Here who fails waits alone: attempts in one name
    from one address come one by one, and all from one address may fail so often, whatever the
    names.
    """

    accounts: ClassVar[set[str]] = set()
    """Those of the names that somebody has typed here which are accounts' names: others are not to
    be logged."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._names: Patience[tuple[str, str]] = Patience()
        # those with turns that are out
        self._addresses: WeakValueDictionary[str, Turns] = WeakValueDictionary()
        self._unknown: dict[str, float] = {}

    async def authenticate(self, handler: Any, data: Any) -> str | None:
        address = network_of(handler.request.remote_ip) if handler else ""
        data = data if is_plain(data) else {"username": ""}  # fails as a wrong password does
        name = data["username"].lower()[:64], address
        async with self._names.turn(name):
            turns = self._addresses.setdefault(address, Turns())
            if account := await turns.ask(partial(self._with_password, handler, data)):
                self._names.forget(name)
                if refusal := await self.refusal(account):
                    raise web.HTTPError(403, refusal)
                return account
            await asyncio.sleep(max(self._names.failed(name), turns.delay()))
            return None

    async def _with_password(self, handler: Any, data: dict[str, str]) -> str | None:
        """The account's name as the directory writes it; None unless the password is right."""
        if not data["username"]:
            return None
        name = await self.account(data["username"])
        return await self.password_is_right(handler, {**data, "username": name})

    @run_on_executor
    def password_is_right(self, handler: Any, data: dict[str, str]) -> str | None:
        """As JupyterHub's (auth.py), where pamela asks for the account as well, and does not tell
        the two apart."""
        name, password = (
            data["username"],
            (data["password"], data["otp"]) if "otp" in data else data["password"],
        )
        try:
            pamela.authenticate(
                name, password, service=self.service, encoding=self.encoding, check=False
            )
        except pamela.PAMError as error:
            # it may be a password
            shown = name if len(name) <= 32 else f"{name[:16]}...({len(name)} chars)"
            address = handler.request.remote_ip if handler else ""
            self.log.warning("PAM Authentication failed (%r@%s): %s", shown, address, error)
            return None
        return name

    @run_on_executor
    def account(self, typed: str) -> str:
        """The name of the account that somebody means. An account may have capital letters, and a
        keyboard may put one where there is none. What the directory does not know is PAM's to
        refuse."""
        for name in (typed, typed.lower()):
            with suppress(KeyError, ValueError):
                found = str(self._getpwnam(name).pw_name)
                self.accounts.add(found)
                return found
        return typed

    def normalize_username(self, username: str) -> str:
        """JupyterHub's makes all letters small, and then finds no account BigBob (auth.py); see
        account()."""
        return str(self.username_map.get(username, username))

    @run_on_executor
    def refusal(self, account: str) -> str:
        """Why PAM does not let the account in although the password is right; empty when it does.
        To JupyterHub this is "Invalid username or password"."""
        try:
            pamela.check_account(account, service=self.service, encoding=self.encoding)
        except pamela.PAMError as error:
            self.log.warning("PAM does not let %s in: %s", account, error)
            why = _nologin() or re.sub(r"^\[PAM Error \d+\] ", "", str(error))
            return f"Your password is right, but this account may not log in now: {why}"
        return ""

    async def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """JupyterHub's asks the directory in the hub's event loop; a slow one would hold everybody."""
        try:
            return await self._is_allowed(username)
        except KeyError as unknown:
            self.log.error("%s is not let in: the directory does not know %s", username, unknown)
            return False

    @run_on_executor
    def system_user_exists(self, user: Any) -> bool:
        """JupyterHub's, outside of the event loop."""
        return super().system_user_exists(user)

    async def is_admin(self, handler: Any, authentication: dict[str, Any]) -> bool:
        """Without `admin_groups` JupyterHub's says None (auth.py): nobody would ever cease to
        administer."""
        return bool(await super().is_admin(handler, authentication))

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:
        """Every few minutes (auth_refresh_age): whoever left the allowed groups has to log in
        again, and cannot.

        A directory that is silent knows nobody. Open notebooks are not to notice: that counts as no
        news for a while.
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
        # the tokens of whoever has to log in again stay valid (auth_refresh_strict)
        if user.admin and not allowed:
            await handler.auth_to_user(standing, user)
        return allowed and standing

    @run_on_executor
    def _is_allowed(self, name: str) -> bool:
        """Raises KeyError for a name, or for a group of the site's, that the directory does not
        know."""
        self._getpwnam(name)
        for group in self.allowed_groups:
            self._getgrnam(group)
        return bool(super().check_allowed(name))


def is_plain(data: Any) -> bool:
    """Whether PAM reads what was sent as it stands here. It may be anybody's JSON (POST
    users/NAME/tokens).

    To C a text ends at its first NUL: what is bob to PAM could be another name to our patience each
    time.
    """
    keys = {"username", "password"}
    if not (isinstance(data, dict) and keys <= data.keys()):
        return False
    texts = [data[key] for key in {*keys, "otp"} & data.keys()]
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        return False
    return data["username"].isprintable() and not any(
        0xD800 <= ord(sign) < 0xE000 for sign in "".join(texts)
    )


def _nologin() -> str:
    """What administrators wrote for those who may not log in; pam_nologin(8)."""
    for path in (Path("/run/nologin"), Path("/etc/nologin")):
        with suppress(OSError):
            return path.read_text(errors="replace")[:1000].strip() or "logins are closed"
    return ""


def network_of(address: str) -> str:
    """The addresses among which one client can choose: with IPv6 a /64, else the one."""
    ip = ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip_network((ip, 64 if ip.version == 6 else 32), strict=False))


def update_login(c: Any, site: Site) -> None:
    """Who may log in, and who administers, by Unix group; what they are asked for, and for how long
    it holds."""
    c.JupyterHub.authenticator_class = PatientAuthenticator
    c.PAMAuthenticator.service = f"sitekit-{site.name}"
    c.PAMAuthenticator.check_account = False  # PatientAuthenticator does, and says why
    c.PAMAuthenticator.open_sessions = False  # needs root, which the hub is not
    c.PAMAuthenticator.allowed_groups = set(site.login.allowed_groups)
    c.PAMAuthenticator.admin_groups = set(site.login.admin_groups)
    c.PAMAuthenticator.executor_threads = 16  # they wait for sssd, or for a stack's own delay
    c.Authenticator.allow_all = False
    # JupyterHub would forget whom it cannot find when it starts, servers and all; a directory may
    # be silent just then
    c.Authenticator.delete_invalid_users = False
    c.Authenticator.refresh_pre_spawn = True
    c.Authenticator.request_otp = site.login.second_factor == "totp"
    c.JupyterHub.cookie_max_age_days = site.login.session / 86400
    c.JupyterHub.token_expires_in_max_seconds = site.login.tokens or 0
