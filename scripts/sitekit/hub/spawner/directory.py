"""What the directory of accounts (sssd, LDAP) knows of a user, asked outside of the hub's event
loop: a slow one holds nobody else. None where it does not answer, or does not know the account at
this moment."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

PATIENCE = 5.0  # seconds that somebody waits for it
Answer = TypeVar("Answer")

_THREADS = ThreadPoolExecutor(8, "directory")


async def groups_of(user: str) -> frozenset[str] | None:
    """The names of the Unix groups of `user`."""
    return await _ask(_groups, user)


async def uid_of(user: str) -> int | None:
    return await _ask(lambda name: pwd.getpwnam(name).pw_uid, user)


async def _ask(question: Callable[[str], Answer], user: str) -> Answer | None:
    asked = asyncio.get_running_loop().run_in_executor(_THREADS, question, user)
    try:
        return await asyncio.wait_for(asked, PATIENCE)
    except (KeyError, OSError, TimeoutError, asyncio.TimeoutError):
        return None


def _groups(user: str) -> frozenset[str]:
    found = set()
    for gid in os.getgrouplist(user, pwd.getpwnam(user).pw_gid):
        with contextlib.suppress(KeyError):
            found.add(grp.getgrgid(gid).gr_name)
    return frozenset(found)
