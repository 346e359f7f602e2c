"""Log users in with the cluster's password, through a PAM service of this site.

Without an entry in `allowed_groups`, nobody can log in.
"""

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
from jupyterhub.app import JupyterHub
from jupyterhub.auth import Authenticator, PAMAuthenticator
from tornado import web
from tornado.concurrent import run_on_executor

from ...base.language import gettext as _
from ...site import Site
from .rate_limit import Patience, Turns

SILENCE = 3600.0  # seconds for which a user whose account is not found stays logged in


class PatientAuthenticator(PAMAuthenticator):
    """Authenticate by PAM, delay failed logins outside of PAM, and recheck users who are logged in.

    Because PAM's own delay blocks one of JupyterHub's few threads (auth.py, executor_threads), a
    few wrong passwords at once would block all logins. PatientAuthenticator delays only the answer
    to the failed login. Attempts with the same name from the same IP address are handled one after
    the other. The number of failures from one IP address is limited, for all names together.
    """

    accounts: ClassVar[set[str]] = set()
    """The typed names that are names of accounts.

    Other names are not logged, because a user can type a password into the field for the name by
    mistake.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._names: Patience[tuple[str, str]] = Patience()
        # addresses with login attempts that run now, or that failed a short time ago
        self._addresses: WeakValueDictionary[str, Turns] = WeakValueDictionary()
        self._unknown: dict[str, float] = {}

    async def authenticate(self, handler: Any, data: Any) -> str | None:
        """Return the account's name if the login succeeds. Otherwise, wait, and then return
        None."""
        address = network_of(handler.request.remote_ip) if handler else ""
        data = data if is_plain(data) else {"username": ""}  # the login then fails
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
        """Return the account's name, spelled as in the directory; None for a wrong password."""
        if not data["username"]:
            return None
        name = await self.account(data["username"])
        return await self.password_is_right(handler, {**data, "username": name})

    @run_on_executor
    def password_is_right(self, handler: Any, data: dict[str, str]) -> str | None:
        """Return the account's name if PAM accepts the password; else None.

        In JupyterHub's method (auth.py), pamela also checks the account, and does not report
        whether the password or the account was refused.
        """
        name = data["username"]
        password: str | tuple[str, str] = data["password"]
        if "otp" in data:
            password = (data["password"], data["otp"])
        try:
            pamela.authenticate(
                name, password, service=self.service, encoding=self.encoding, check=False
            )
        except pamela.PAMError as error:
            # do not log all of a long name, because such a name can be a password
            shown = name if len(name) <= 32 else f"{name[:16]}...({len(name)} chars)"
            address = handler.request.remote_ip if handler else ""
            self.log.warning("PAM Authentication failed (%r@%s): %s", shown, address, error)
            return None
        return name

    @run_on_executor
    def account(self, typed: str) -> str:
        """Return the name of the account that matches the typed name.

        An account's name can have capital letters, and some keyboards capitalize the typed name. A
        name that is not in the directory of accounts is returned unchanged, and PAM refuses it.
        """
        for name in (typed, typed.lower()):
            with suppress(KeyError, ValueError):
                found = str(self._getpwnam(name).pw_name)
                self.accounts.add(found)
                return found
        return typed

    def normalize_username(self, username: str) -> str:
        """Return the name without changing its case.

        JupyterHub's method converts the name to lower case (auth.py), and then finds no account
        BigBob. The method account() finds the correct case.
        """
        return str(self.username_map.get(username, username))

    @run_on_executor
    def refusal(self, account: str) -> str:
        """Return why PAM refuses the account although the password is right. Return "" if PAM
        accepts the account.

        Without this reason, JupyterHub would show "Invalid username or password".
        """
        try:
            pamela.check_account(account, service=self.service, encoding=self.encoding)
        except pamela.PAMError as error:
            self.log.warning("PAM does not let %s in: %s", account, error)
            why = _nologin() or re.sub(r"^\[PAM Error \d+\] ", "", str(error))
            return _("Your password is right, but this account may not log in now: {why}", why=why)
        return ""

    async def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Return whether the account is in an allowed group.

        Because JupyterHub's own method queries the directory of accounts in the hub's event loop, a
        slow directory would block the hub.
        """
        try:
            return await self._is_allowed(username)
        except KeyError as unknown:
            self.log.error(
                "Login of %s refused: the directory of accounts does not know %s", username, unknown
            )
            return False

    async def add_user(self, user: Any) -> None:
        """While the hub serves, raise KeyError for a new user who has no Unix account.

        When the hub starts, JupyterHub calls this method for each user in its database and in its
        configuration, and accepts requests only after the last call (app.py, init_users). The
        accounts of these users are not looked up here, but later, by loops/log_absent_users.py.
        """
        if JupyterHub.instance().http_server is None:
            Authenticator.add_user(self, user)
        else:
            await super().add_user(user)

    @run_on_executor
    def system_user_exists(self, user: Any) -> bool:
        """Return whether the account exists. Because JupyterHub's own method is run in a thread, a
        slow directory of accounts does not block the hub."""
        return super().system_user_exists(user)

    async def is_admin(self, handler: Any, authentication: dict[str, Any]) -> bool:
        """Return whether the account belongs to an administrator.

        If `admin_groups` is not set, JupyterHub's method returns None (auth.py), and a former
        administrator would keep the rights for ever.
        """
        return bool(await super().is_admin(handler, authentication))

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:
        """Check again every few minutes (auth_refresh_age) whether a user may still be logged in.

        A user who has left the allowed groups must log in again, and the hub refuses this login. If
        the directory of accounts does not answer, the hub finds no accounts. Therefore, a user is
        logged out only if the account is not found for SILENCE seconds.
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
        model = {"name": user.name, "admin": admin}
        # The tokens of a user who has to log in again stay valid (auth_refresh_strict). Therefore,
        # remove the rights of an administrator now.
        if user.admin and not allowed:
            await handler.auth_to_user(model, user)
        return allowed and model

    @run_on_executor
    def _is_allowed(self, name: str) -> bool:
        """Return whether the account is in an allowed group.

        Raises KeyError if the directory of accounts lacks the account, or a group of the site.
        """
        self._getpwnam(name)
        for group in self.allowed_groups:
            self._getgrnam(group)
        return bool(super().check_allowed(name))


def is_plain(data: Any) -> bool:
    """Return whether name and password are texts without NUL characters, and whether the name is
    printable.

    `data` can be any JSON (POST users/NAME/tokens). PAM is written in C, where a text ends at its
    first NUL. By adding a NUL and other letters to the name bob, an attacker could try passwords of
    bob under many names, and avoid the delays after failures.
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
    """Return the text of /run/nologin or /etc/nologin (see pam_nologin(8)), which is shown to users
    who cannot log in now. Return "" if neither file exists."""
    for path in (Path("/run/nologin"), Path("/etc/nologin")):
        with suppress(OSError):
            return path.read_text(errors="replace")[:1000].strip() or _("logins are closed")
    return ""


def network_of(address: str) -> str:
    """Return the network whose IP addresses one client can use. For IPv6, this is the network with
    the first 64 bits of the address. For IPv4, this is the address itself."""
    ip = ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip_network((ip, 64 if ip.version == 6 else 32), strict=False))


def update_pam(c: Any, site: Site) -> None:
    """Set the login with PAM: who may log in, and who is an administrator."""
    c.JupyterHub.authenticator_class = PatientAuthenticator
    c.PAMAuthenticator.service = f"sitekit-{site.name}"
    c.PAMAuthenticator.check_account = False  # PatientAuthenticator checks the account
    c.PAMAuthenticator.open_sessions = False  # PAM sessions need root, and the hub is not root
    c.PAMAuthenticator.allowed_groups = set(site.login.allowed_groups)
    c.PAMAuthenticator.admin_groups = set(site.login.admin_groups)
    c.PAMAuthenticator.executor_threads = 16  # threads sometimes wait for sssd or PAM
    c.Authenticator.request_otp = site.login.second_factor == "totp"
