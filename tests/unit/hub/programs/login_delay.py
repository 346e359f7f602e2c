"""Run one scene of logins with the real authenticator, and print its result as JSON.

The arguments are the folder of sitekit's package and the name of the scene, a function of this
file.
"""

from __future__ import annotations

import asyncio
import json
import pwd
import sys
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, sys.argv[1])

from sitekit.hub.login import pam, rate_limit

rate_limit.DELAY, rate_limit.AT_ONCE, rate_limit.REMEMBERED = 0.05, 2, 50
rate_limit.LONGEST = 3600  # no failure is forgotten while a scene runs, however long that takes
ADDRESS = "192.0.2.1"
order: list[str] = []


def new(**settings: Any) -> Any:
    """Return an authenticator with a PAM service that does not exist: PAM refuses everybody."""
    return pam.PatientAuthenticator(
        service="sitekit-no-such-service", executor_threads=4, **settings
    )


async def attempt(authenticator: Any, name: str, address: str) -> Any:
    handler = SimpleNamespace(request=SimpleNamespace(remote_ip=address))
    try:
        sent = {"username": name, "password": "x"}
        answer = await authenticator.authenticate(handler, sent)
    except Exception as refusal:
        answer = refusal.status_code
    order.append(name + "@" + address)
    return answer


async def one_name() -> list:
    """Log in with four spellings of one name, which a directory may not tell apart, and with two
    others."""
    authenticator = new()
    names = ["nobody-here", "Nobody-Here", "NOBODY-HERE", "nobody-HERE"]
    many = [attempt(authenticator, name, ADDRESS) for name in names]
    others = [
        attempt(authenticator, "nobody-here", "192.0.2.2"),
        attempt(authenticator, "another", ADDRESS),
    ]
    answers = await after_the_others(many, others)
    left = len(authenticator._names._turns) + len(authenticator._names._inside)
    return [answers, order, left, authenticator._names.failed(("nobody-here", f"{ADDRESS}/32"))]


async def after_the_others(many: list, others: list) -> list:
    """Ask for the password of the crowded name only when the other attempts are over."""
    asked, over = pam.PatientAuthenticator.password_is_right, asyncio.Event()

    async def ask(authenticator: Any, handler: Any, data: dict[str, str]) -> Any:
        if (data["username"].lower(), handler.request.remote_ip) == ("nobody-here", ADDRESS):
            await asyncio.wait_for(over.wait(), 120)
        return await asked(authenticator, handler, data)

    async def go_on() -> list:
        answers = await asyncio.gather(*others)
        over.set()
        return answers

    pam.PatientAuthenticator.password_is_right = ask
    *first, last = await asyncio.gather(*many, go_on())
    return [*first, *last]


async def networks() -> list:
    """Return the network that the delay uses for each address."""
    addresses = [ADDRESS, f"::ffff:{ADDRESS}", "2001:db8::1", "2001:db8::ffff:1", "fe80::1%lo"]
    return [pam.network_of(address) for address in addresses]


async def oldest() -> list:
    """Fail with more names than the authenticator remembers."""
    authenticator = new()
    for number in range(60):
        authenticator._names.failed((f"name{number}", f"{ADDRESS}/32"))
    return [authenticator._names.failed((name, f"{ADDRESS}/32")) for name in ("name0", "name59")]


async def forgotten() -> list:
    """Fail three times, and once more after the longest delay."""
    rate_limit.LONGEST, rate_limit.DELAY, now = 0.05, 0.001, [1000.0]
    rate_limit.time = SimpleNamespace(monotonic=lambda: now[0])
    authenticator = new()
    first = [authenticator._names.failed("x") for _ in range(3)]
    now[0] += 0.2
    return [*first, authenticator._names.failed("x")]


async def refresh() -> list:
    """Refresh a user whose groups have changed, and a user whose account no longer exists."""
    told = []

    async def auth_to_user(standing: Any, user: Any) -> None:
        told.append(standing)

    handler = SimpleNamespace(auth_to_user=auth_to_user, request=SimpleNamespace(remote_ip=ADDRESS))
    root, gone = (SimpleNamespace(name=name, admin=True) for name in ("root", "nobody-here"))
    said = []
    for settings in (
        {"allowed_groups": {"root"}, "admin_groups": {"root"}},
        {"allowed_groups": {"root"}},
        {"allowed_groups": {"daemon"}, "admin_groups": {"root"}},
    ):
        said.append(await new(**settings).refresh_user(root, handler))
    authenticator = new(allowed_groups={"root"})
    said.append(await authenticator.refresh_user(gone, handler))
    pam.SILENCE = 0
    said.append(await authenticator.refresh_user(gone, handler))
    return [said, told]


def sent_forms(me: str) -> list:
    """Return login forms whose name or password PAM could read in another way."""
    nul, half = chr(0), chr(0xDC80)

    def form(username: Any, password: Any = "x", **more: Any) -> dict:  # noqa: S107
        return {"username": username, "password": password, **more}

    return [
        form(me + nul + "x"), form(me, "x" + nul + "y"), form(me, ["x"]), form([me]),
        form(me + half), form(me, half), form(me, otp={}), {"username": me}, {}, None, [me, "x"],
        me, form(""),
    ]  # fmt: skip


async def odd() -> list:
    """Log in with forms that must not reach PAM, and then with a valid form."""
    authenticator, asked = new(), []
    pam.pamela.authenticate = lambda name, *more, **words: asked.append([name, *more])
    pam.pamela.check_account = lambda *more, **words: None
    rate_limit.DELAY = rate_limit.LONGEST = 0.01
    me = pwd.getpwuid(0).pw_name
    handler = SimpleNamespace(request=SimpleNamespace(remote_ip=ADDRESS))
    answers = [await authenticator.authenticate(handler, one) for one in sent_forms(me)]
    good = await authenticator.authenticate(handler, {"username": me, "password": "x"})
    return [answers, asked, good, authenticator._names.failed(("", f"{ADDRESS}/32")) == 0.01]


SCENES = {scene.__name__: scene for scene in (one_name, networks, oldest, forgotten, refresh, odd)}
print(json.dumps(asyncio.run(SCENES[sys.argv[2]]())))
