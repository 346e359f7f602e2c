"""Look up accounts and groups in the directory of accounts (sssd, LDAP), in threads.

Without threads, a slow directory would block the hub's event loop. The functions return None if the
directory does not answer in time, or does not contain the account.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

LOOK_UP_TIMEOUT = 5.0  # seconds that the caller waits for an answer
Answer = TypeVar("Answer")

_THREADS = ThreadPoolExecutor(8, "directory")


async def groups_of(user: str) -> frozenset[str] | None:
    """Return the names of the Unix groups of `user`."""
    return await _ask(_groups, user)


async def uid_of(user: str) -> int | None:
    """Return the uid of `user`."""
    return await _ask(lambda name: pwd.getpwnam(name).pw_uid, user)


async def _ask(question: Callable[[str], Answer], user: str) -> Answer | None:
    """Call `question` with `user` in a thread; return None if the call fails or takes too long."""
    lookup = asyncio.get_running_loop().run_in_executor(_THREADS, question, user)
    try:
        return await asyncio.wait_for(lookup, LOOK_UP_TIMEOUT)
    except (KeyError, OSError, TimeoutError, asyncio.TimeoutError):
        return None


def _groups(user: str) -> frozenset[str]:
    found = set()
    for gid in os.getgrouplist(user, pwd.getpwnam(user).pw_gid):
        with contextlib.suppress(KeyError):
            found.add(grp.getgrgid(gid).gr_name)
    return frozenset(found)
