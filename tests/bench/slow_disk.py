"""A FUSE filesystem that shows a folder, counts operations, and delays each: slow_disk.py SOURCE
PLACE COUNTER SECONDS.

It stands for a shared filesystem. Linux keeps names and attributes for three seconds, like an NFS
client, and the content of files (close-to-open).
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import threading
import time
from typing import Any

import mfusepy

KEPT = 3.0  # seconds; acregmin of nfs(5)


class SlowDisk(mfusepy.Operations):
    """Answer from the folder `source`, after `delay` seconds."""

    use_ns = True

    def __init__(self, source: str, counter: str, delay: float) -> None:
        self._source, self._delay = source, delay
        self._lock, self._count = threading.Lock(), 0
        with open(counter, "r+b") as file:
            self._counter = mmap.mmap(file.fileno(), 8)

    def _asked(self, path: str) -> str:
        """Count and delay one operation; return the path in the source."""
        with self._lock:
            self._count += 1
            self._counter[:] = struct.pack("q", self._count)
        time.sleep(self._delay)
        return self._source + path

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = os.lstat(self._asked(path))
        names = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_ino", "st_blocks")
        times = {f"st_{t}time": getattr(found, f"st_{t}time_ns") for t in "amc"}
        return {name: getattr(found, name) for name in names} | times

    def readlink(self, path: str) -> str:
        return os.readlink(self._asked(path))

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._asked(path))]

    def open(self, path: str, flags: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise mfusepy.FuseOSError(30)  # EROFS
        return os.open(self._asked(path), flags)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._asked(path)
        return os.pread(fh, size, offset)

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0


if __name__ == "__main__":
    source, place, counter, delay = sys.argv[1:]
    mfusepy.FUSE(
        SlowDisk(source, counter, float(delay)),
        place,
        foreground=True,
        allow_other=True,
        ro=True,
        kernel_cache=True,
        entry_timeout=KEPT,
        attr_timeout=KEPT,
        negative_timeout=KEPT,
        max_threads=32,
    )
