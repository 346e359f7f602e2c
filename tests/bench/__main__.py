"""`python -m tests.bench [rows...]`: measure the rows that are named, or all; the demo must be up,
and root asks."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from . import (
    allocation,
    class_of_forty,
    hub,
    kernels,
    publish,
    queue,
    release,
    scale,
    shared_disk,
    spawn,
    ssh,
    startup,
)
from .common import MEASURED, Bench, apart


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        help="queue, spawn, allocation, startup, shared-disk, kernels, ssh, class, scale, hub "
        "or release (default: all)",
    )
    parser.add_argument("--sizes", default="1,10,100,300", help="queue: numbers of servers")
    parser.add_argument("--states", default="waiting,running", help="queue: what the servers do")
    parser.add_argument(
        "--seconds", type=float, default=60, help="queue, scale, hub: length of each window"
    )
    parser.add_argument(
        "--times",
        type=int,
        default=8,
        help="spawn, startup, kernels, ssh: starts or requests of each kind",
    )
    parser.add_argument(
        "--running", default="100,1000", help="hub: numbers of running servers; 30 %% more start"
    )
    parser.add_argument(
        "--users", type=int, default=10_000, help="hub: known users of the hub with most servers"
    )
    parser.add_argument(
        "--publish", action="store_true", help="write the figures into docs/benchmarks.md"
    )
    given = parser.parse_args()
    sizes, states = [int(size) for size in given.sizes.split(",")], given.states.split(",")
    running = [int(size) for size in given.running.split(",")]
    rows = {
        "queue": lambda bench: queue.measure(bench, sizes, states, given.seconds),
        "spawn": lambda bench: spawn.measure(bench, given.times),
        "allocation": lambda bench: allocation.measure(bench, given.times),
        "startup": lambda bench: startup.measure(bench, given.times),
        "shared-disk": lambda bench: shared_disk.measure(bench, max(1, given.times // 4)),
        "kernels": lambda bench: kernels.measure(bench, given.times),
        "ssh": lambda bench: ssh.measure(bench, 3 * given.times),
        "class": class_of_forty.measure,
        "scale": lambda bench: scale.measure(bench, [10, 100, 1000], given.seconds),
        "hub": lambda bench: hub.measure(
            bench,
            [(size, size * 3 // 10, given.users * size // max(running)) for size in running],
            given.seconds,
        ),
        "release": release.measure,
    }
    if unknown := set(given.rows) - set(rows):
        parser.error(f"there is no row {', '.join(sorted(unknown))}; there are {', '.join(rows)}")
    if os.geteuid() != 0:
        parser.error(
            "needs root: it submits jobs as the demo's people, and gives upstream a sudo rule for the while"
        )
    apart()
    # so that what was put up is taken away again
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = Bench.of_the_demo()
    for row in given.rows or rows:
        rows[row](bench)
    if given.publish:
        publish.publish(MEASURED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
