"""Read from the prefix, repeatedly and in a thread, the state of the kernels and the current
release.

The prefix can be on a filesystem of the cluster, and such a filesystem sometimes does not answer
for minutes. The hub must answer its users even during this time. The hub's pages and metrics show
the result of the last read, without waiting for the filesystem.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ...contracts.kernel_state import KernelState, read_kernel_state
from ...site import Site

EVERY = 15.0  # seconds


@dataclass(frozen=True)
class PrefixState:
    """The state of the published kernels, and the name of the current release; the name is "" if
    there is no current release."""

    kernels: KernelState | None = None
    release: str = ""


_last = PrefixState()


async def run(site: Site) -> None:
    """Read the prefix every few seconds, until the hub ends."""
    global _last
    while True:
        _last = await asyncio.to_thread(read_prefix, site)
        await asyncio.sleep(EVERY)


def last_prefix() -> PrefixState:
    """Return the last known state of the prefix."""
    return _last


def read_prefix(site: Site) -> PrefixState:
    """Read the prefix now. A value that cannot be read is empty."""
    try:
        release = site.current.resolve().name if site.current.exists() else ""
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, up to Python 3.12
        release = ""
    return PrefixState(read_kernel_state(site), release)
