"""A plugin for pytest, in the release's Python: JupyterHub's own tests meet this site's hub.

Their MockHub reads the site's configuration, and so has our spawner, handlers and loops. It takes
the place of the hub service: front, proxy, gate and Slurm are those of the site. What is still
JupyterHub's own is how its tests log in (the password is the name) and the database, which each run
begins anew.

Environment: SITEKIT_SITE, the site file; SITEKIT_STATE, a folder for the database and the ledger;
SITEKIT_LEFT_OUT, the tests that are not to be run (JSON).
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from jupyterhub.spawner import SpawnException
from jupyterhub.tests import mocking
from jupyterhub.tests.utils import AsyncSession, public_url
from requests.adapters import HTTPAdapter
from traitlets import Integer, Unicode
from traitlets.config import Config

import sitekit.hub.configure
from sitekit.contracts.internal_tls import client_context
from sitekit.hub.overrides import limit_api_tokens
from sitekit.hub.spawner.tier_spawner import TierSpawner
from sitekit.site import load_site

SITE = load_site(Path(os.environ["SITEKIT_SITE"]))
HERE = SITE.model_copy(
    update={"paths": SITE.paths.model_copy(update={"state": Path(os.environ["SITEKIT_STATE"])})}
)
PROXY = f"https://{SITE.front.host}:{SITE.proxy.port}/"
THEIRS = (
    "allow_named_servers",
    "authenticator_class",
    "cookie_max_age_days",
    "db_url",
    "token_expires_in_max_seconds",
)
"""Settings that JupyterHub's tests change, or whose defaults they look for."""
TIER = {"tier": "small"}  # of whoever names none: JupyterHub's tests start servers without options


def configuration() -> Config:
    """The site's, but for what MockHub needs to be its own."""
    c = Config()
    sitekit.hub.configure.configure(c, HERE)
    for key in THEIRS:
        c.JupyterHub.pop(key, None)
    del c.PAMAuthenticator
    c.Authenticator.allow_all = True
    # a job starts later than JupyterHub's test server does
    c.JupyterHub.tornado_settings["slow_spawn_timeout"] = 60
    return c


# --- users and their choices ---------------------------------------------------------------------------------------

take_options = TierSpawner.take_options


async def some_tier(spawner: TierSpawner, options: object) -> None:
    if not isinstance(spawner, FormSpawner):
        options = options or TIER
    await take_options(spawner, options)
    if isinstance(spawner, NeverSpawner):
        spawner.start_timeout = 1


TierSpawner.take_options = some_tier


# --- the spawners of JupyterHub's fixtures, made of ours -----------------------------------------------------------


class MockSpawner(TierSpawner):
    """Ours. JupyterHub's tests may give it a token to start with."""

    use_this_api_token: str | None = None

    async def start(self) -> str:
        if self.use_this_api_token:
            self.api_token = self.use_this_api_token
        elif self.will_resume:
            self.use_this_api_token = self.api_token
        return await super().start()


class SlowSpawner(MockSpawner):
    delay = 5
    _start_future: asyncio.Future[None] | None = None

    async def start(self) -> str:
        url = await super().start()
        await (self._start_future if self._start_future is not None else asyncio.sleep(self.delay))
        return url

    async def stop(self, now: bool = False) -> None:
        await asyncio.sleep(self.delay)
        await super().stop(now)


class NeverSpawner(MockSpawner):
    async def start(self) -> str:
        return await asyncio.Future()

    async def stop(self, now: bool = False) -> None:
        pass

    async def poll(self) -> int:
        return 0


class BadSpawner(MockSpawner):
    async def start(self) -> str:
        raise RuntimeError("I don't work!")


class CustomBadSpawner(MockSpawner):
    status_code = Integer(418, config=True)
    message = Unicode("custom message", config=True)
    reason = Unicode("custom reason", config=True)

    async def start(self) -> str:
        raise SpawnException(self.message, reason=self.reason, status_code=self.status_code)


class SlowBadSpawner(MockSpawner):
    async def start(self) -> str:
        await asyncio.sleep(0.5)
        raise RuntimeError("I don't work!")


class FormSpawner(MockSpawner):
    """Its form is the site's, and whoever chooses nothing in that is refused."""


for ours in (
    MockSpawner,
    SlowSpawner,
    NeverSpawner,
    BadSpawner,
    CustomBadSpawner,
    SlowBadSpawner,
    FormSpawner,
):
    setattr(mocking, ours.__name__, ours)


# --- the hub -------------------------------------------------------------------------------------------------------

SETTINGS = configuration()  # once: it changes classes of JupyterHub's
SETTINGS.JupyterHub.spawner_class = MockSpawner


initialize = mocking.MockHub.initialize


async def initialize_at_localhost(app: mocking.MockHub, argv: Any = None) -> None:
    """Servers send browsers to the site's address, where cookies hold that were set under the same
    name."""
    await initialize(app, argv)
    app.proxy.public_url = PROXY


def load_config_file(app: mocking.MockHub, *_: Any, **__: Any) -> None:
    app.update_config(SETTINGS)


class ToProxy(HTTPAdapter):
    """Connect to the proxy with the hub's certificate. In the front's answers, the tests would miss
    JupyterHub's own content security policy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        tls = {"ssl_context": client_context(SITE, "hub"), "assert_hostname": "127.0.0.1"}
        super().init_poolmanager(*args, **kwargs, **tls)


begin_session = requests.Session.__init__


def begin_session_to_proxy(session: requests.Session) -> None:
    begin_session(session)
    session.mount(PROXY, ToProxy())


requests.Session.__init__ = begin_session_to_proxy


async def login_user(app: mocking.MockHub, name: str) -> Any:
    """As JupyterHub's, which wants three cookies and no more: here a login sets the entry to one's
    own server, too."""
    session, login = AsyncSession(), public_url(app) + "hub/login"
    xsrf = (await session.get(login)).cookies["_xsrf"]
    data = {"username": name, "password": name}
    answer = await session.post(f"{login}?_xsrf={quote(xsrf)}", data=data, allow_redirects=False)
    answer.raise_for_status()
    assert (
        await session.get(public_url(app) + "hub/home", allow_redirects=False)
    ).status_code == 200
    return session.cookies


mocking.MockHub.load_config_file = load_config_file
mocking.MockHub.initialize = initialize_at_localhost
mocking.MockHub.login_user = login_user


# --- what tests compare --------------------------------------------------------------------------------------------


limit_api_tokens.TOKENS = (
    10_000  # the tests make a new one of the same administrator for each request
)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Each test begins with testuser-1 again, so that a few accounts are enough: it leaves no user
    behind."""
    sys.modules["jupyterhub.tests.conftest"]._username_counter = 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """JupyterHub's tests compare a server's whole model, in which two things are the spawner's own:
    its state, and the options that somebody without any got."""
    left_out = set(json.loads(os.environ["SITEKIT_LEFT_OUT"]))
    assert left_out <= {item.name for item in items}, (
        "a test is listed as left out, and is not there"
    )
    items[:] = [item for item in items if item.name not in left_out]
    for module in {item.module for item in items}:
        if normalize := getattr(module, "normalize_user", None):
            module.normalize_user = lambda user, normalize=normalize: normalize(_as_theirs(user))


def _as_theirs(user: dict[str, Any]) -> dict[str, Any]:
    for server in (user.get("servers") or {}).values():
        child = (server.get("state") or {}).get("child_state", {})
        if {"job_id", "tag"} <= child.keys():
            server["state"] = {"pid": 0}
        if server.get("user_options") == {"profile": TIER["tier"]}:
            server["user_options"] = {}
    return user
