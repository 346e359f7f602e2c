"""The row `shared-disk`: the start of a server whose release is on a slow filesystem, with 1 ms for each
operation.

The row compares the server `jupyterhub-singleuser` with default settings (stock), and the values
`direct`, `image` and `cache` of `server.start`.
"""

from __future__ import annotations

import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sitekit.base.run_program import run
from sitekit.environment.release.releases import Release
from sitekit.environment.release.write_single_file import pack, write_start_script

from ..packages import install
from .common import Bench, ended, keep, table
from .startup import Start

DELAY = 0.001  # seconds per operation
GOALS = {"operations": 1 / 50, "time": 8}
"""With image or cache: at most this part of the stock server's operations, and this many times
faster."""
KINDS = ("stock", "ours", "image", "cache")
PROGRAM = Path(__file__).with_name("slow_disk.py")


def measure(bench: Bench, times: int) -> None:
    """`times` starts of each kind, in turn, each with nothing in the cache of the filesystem."""
    install("fuse3", "squashfuse", "squashfs-tools")
    rows, taken = [], {}
    with _disk(bench) as disk:
        taken["cache, first"] = [disk.start("cache")]
        for kind in KINDS * times:
            taken.setdefault(kind, []).append(disk.start(kind))
    stock = [statistics.median(figures) for figures in zip(*taken["stock"], strict=True)]
    for kind in ("stock", "ours", "image", "cache, first", "cache"):
        count, seconds = (statistics.median(f) for f in zip(*taken[kind], strict=True))
        rows.append(
            {
                "start": "direct" if kind == "ours" else kind,
                "operations": int(count),
                "stock / it": round(stock[0] / count, 1),
                "seconds": round(seconds, 2),
                "times faster": round(stock[1] / seconds, 1),
            }
        )
    notes = [
        "operations: requests of Linux to the FUSE filesystem with the prefix, until the server listens. "
        "Linux keeps names and attributes of files for 3 s, as an NFS client does.",
        "seconds: the time from exec until the server listens, with 1 ms added to each operation. Before "
        "the start, no file of the prefix is in a cache.",
        "stock / it: the operations of stock, divided by the operations of this row. times faster: the "
        "seconds of stock, divided by the seconds of this row.",
        f"Goals of image and cache: operations at most 1/{1 / GOALS['operations']:.0f} of stock, and at least "
        f"{GOALS['time']} times faster than stock.",
    ]
    title = f"shared-disk: a server until it listens, {times} starts of each in turn"
    table(title, rows, notes)
    keep("shared-disk", rows=rows, taken=taken, notes=notes)


class _Disk:
    """Starts of servers whose prefix is on the slow filesystem."""

    def __init__(self, bench: Bench, folder: Path, source: Path) -> None:
        self._prefix, self._folder, self._source = bench.site.paths.prefix, folder, source
        self._start = Start(bench, folder)
        (folder / "node").mkdir(mode=0o755)
        (folder / "counter").write_bytes(bytes(8))

    def start(self, kind: str) -> tuple[float, float]:
        """Operations and seconds of one start."""
        with self._mounted():
            begun = time.monotonic()
            with self._start.started(kind, []):
                taken = time.monotonic() - begun
                [count] = struct.unpack("q", (self._folder / "counter").read_bytes())
        return count, taken

    @contextmanager
    def _mounted(self) -> Iterator[None]:
        """A new mount over the prefix, so that Linux has cached nothing of it."""
        (self._folder / "counter").write_bytes(bytes(8))
        argv = [sys.executable, str(PROGRAM), self._source, self._prefix]
        argv += [self._folder / "counter", str(DELAY)]
        path = os.pathsep.join([str(self._folder / "packages"), *sys.path])
        with ended(subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": path})):
            while run(["mountpoint", "-q", self._prefix], check=False).returncode:
                time.sleep(0.05)
            try:
                yield
            finally:
                run(["umount", "--lazy", self._prefix], check=False)


@contextmanager
def _disk(bench: Bench) -> Iterator[_Disk]:
    """The prefix with an image and an archive of the release, which are not written into it: they
    are in an overlay, which only this process and its children see (see apart)."""
    with tempfile.TemporaryDirectory(prefix="sitekit-bench-disk-") as name:
        folder, release = Path(name), bench.site.current.resolve()
        folder.chmod(0o755)
        pip: list[Any] = [sys.executable, "-m", "pip", "install", "-q", "--target"]
        run([*pip, folder / "packages", "mfusepy==3.1.1"], timeout=300)
        for place in ("tmpfs", "source"):
            (folder / place).mkdir()
        run(["mount", "-t", "tmpfs", "-o", "size=3g", "sitekit-bench", folder / "tmpfs"])
        for place in ("upper", "work"):
            (folder / "tmpfs" / place).mkdir()
        dirs = [f"lowerdir={bench.site.paths.prefix}", f"upperdir={folder}/tmpfs/upper"]
        options = ",".join([*dirs, f"workdir={folder}/tmpfs/work"])
        run(["mount", "-t", "overlay", "-o", options, "sitekit-bench", folder / "source"])
        try:
            _pack(bench, folder / "source", release)
            yield _Disk(bench, folder, folder / "source")
        finally:
            run(["umount", "--lazy", folder / "source", folder / "tmpfs"], check=False)


def _pack(bench: Bench, source: Path, release: Path) -> None:
    """Write image, archive and start script of the release below `source`."""
    site = bench.site
    place = source / release.relative_to(site.paths.prefix)
    write_start_script(place)
    paths = site.paths.model_copy(update={"prefix": source})
    for start in ("image", "cache"):
        server = site.server.model_copy(update={"start": start})
        pack(site.model_copy(update={"paths": paths, "server": server}), Release(place, {}, True))
