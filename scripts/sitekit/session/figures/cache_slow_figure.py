"""Cache a figure, such as the free space, that takes long to read. Therefore the server reads the
figure only once for many pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

WAIT = 1.0  # seconds that a page waits for a figure that is being read


class Kept:
    """Cache a measured value for `seconds` seconds. If the stored value is older, a thread reads
    the value again. At most one thread reads at a time."""

    def __init__(self, read: Callable[[], Any], seconds: float) -> None:
        self._read, self._seconds = read, seconds
        self._at = float("-inf")
        self._value: Any = None
        self._reading: asyncio.Task[None] | None = None

    async def value(self) -> Any:
        """Return the figure. If no first value of the figure is available yet, return None."""
        if self._reading is None and time.monotonic() - self._at > self._seconds:
            self._reading = asyncio.create_task(self._again())
        if self._reading:
            await asyncio.wait({self._reading}, timeout=WAIT)
        return self._value

    async def _again(self) -> None:
        try:
            self._value = await asyncio.to_thread(self._read)
        finally:
            self._at, self._reading = time.monotonic(), None
