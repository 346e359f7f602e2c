"""Logins from one address, in time that passes at once where nobody has anything to do. Prints what
became of them.

The authenticator and JupyterHub are real; what PAM says is decided here: `right` is everybody's
password.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import selectors
import sys
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))
from tornado.web import HTTPError

from sitekit.hub.login import pam, rate_limit

PAM_TAKES, PAM_THREADS = 0.1, 16
PEOPLE = [f"student{number}" for number in range(150)]
HANDLER = SimpleNamespace(request=SimpleNamespace(remote_ip="192.0.2.1"))


class Clock(selectors.DefaultSelector):
    """To wait is to be there already."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list:
        self.now += timeout or 0.0
        return super().select(0)


CLOCK = Clock()


class Class:
    """A room of people, one of whom may be up to no good."""

    def __init__(self) -> None:
        self.asked: list[str] = []  # names, as PAM is asked
        threads = asyncio.Semaphore(PAM_THREADS)

        async def ask(_: Any, handler: Any, data: dict[str, str]) -> str | None:
            async with threads:
                self.asked.append(data["username"])
                await asyncio.sleep(PAM_TAKES)
            return data["username"] if data["password"] == "right" else None

        async def account(_: Any, typed: str) -> str:
            """Real threads would take real time, in which this clock runs on."""
            return typed

        async def refusal(_: Any, name: str) -> str:
            return ""

        pam.PatientAuthenticator.password_is_right = ask
        pam.PatientAuthenticator.account, pam.PatientAuthenticator.refusal = account, refusal
        self.authenticator = pam.PatientAuthenticator()
        self.waits: list[float] = []  # seconds that right passwords took
        self.refused: list[str] = []  # by 429

    async def log_in(self, name: str, password: str, after: float = 0.0) -> None:
        await asyncio.sleep(after)
        start = CLOCK.now
        try:
            await self.authenticator.authenticate(HANDLER, {"username": name, "password": password})
        except HTTPError as refusal:
            assert refusal.status_code == 429
            self.refused.append(password)
            await asyncio.sleep(1)
        if password == "right":
            self.waits.append(CLOCK.now - start)

    async def mistype(self, name: str, after: float) -> None:
        await self.log_in(name, "wrong", after)
        await self.log_in(name, "right", 2)

    async def guess(self, names: Any, seconds: float) -> None:
        """One guess after the other, as fast as the answers come."""
        end = CLOCK.now + seconds
        while CLOCK.now < end:
            await self.log_in(next(names), "wrong")

    def result(self) -> dict[str, Any]:
        refused = self.refused.count("right")
        inside = len(self.waits) - refused
        return {
            "in": inside,
            "refused": refused,
            "longest": max(self.waits),
            "guesses": len(self.asked) - inside,
        }


async def at_once(room: Class) -> None:
    await asyncio.gather(*(room.log_in(name, "right") for name in PEOPLE))


async def typos(room: Class) -> None:
    """Sixty wrong ones in a second, and sixty right ones of others."""
    wrong = (room.log_in(name, "wrong", number / 60) for number, name in enumerate(PEOPLE[:60]))
    right = (
        room.log_in(name, "right", 1 + number / 60) for number, name in enumerate(PEOPLE[60:120])
    )
    await asyncio.gather(*wrong, *right)


async def looping(room: Class) -> None:
    """All come within a minute, every third with a typo; and sixteen loops over names since five
    minutes."""
    names = (f"name{number}" for number in itertools.count())
    people = (
        room.log_in(name, "right", 300 + number * 0.4)
        if number % 3
        else room.mistype(name, 300 + number * 0.4)
        for number, name in enumerate(PEOPLE)
    )
    await asyncio.gather(*(room.guess(names, 360) for _ in range(16)), *people)


async def flood(room: Class) -> None:
    """A thousand guesses at once, at as many names; then somebody, a minute later."""
    guesses: list[Coroutine] = [
        room.log_in(f"colleague{number}", "wrong") for number in range(1000)
    ]
    await asyncio.gather(*guesses, room.log_in(PEOPLE[0], "right", 60))


async def main() -> dict[str, Any]:
    rate_limit.time = SimpleNamespace(monotonic=asyncio.get_running_loop().time)
    told = {}
    for scene in (at_once, typos, looping, flood):
        room = Class()
        await scene(room)
        told[scene.__name__] = room.result()
    await asyncio.sleep(60)
    return told | {"left": len(room.authenticator._addresses)}


def loop() -> asyncio.AbstractEventLoop:
    made = asyncio.SelectorEventLoop(CLOCK)
    made.time = lambda: CLOCK.now
    return made


with asyncio.Runner(loop_factory=loop) as runner:
    print(json.dumps(runner.run(main())))
