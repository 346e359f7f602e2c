"""Time queries and requests to the gate of one site, as its hub sends them; a program of the row
`ssh`.

`python ssh_requests.py SITE ACCOUNT TIMES` prints JSON: seconds by kind of request, and, for a site
with a login node, the same without the connection that queries share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sitekit.backends.choice import Choice
from sitekit.backends.slurm import gate, ssh
from sitekit.backends.slurm.transport import ask_slurm
from sitekit.site import Site, load_site

QUERY = ("--noheader", "--all", "--format=%R %a")


async def timed(times: int, ask: Callable[[], Awaitable[object]]) -> list[float]:
    """Seconds of each of `times` requests; one before them is not counted."""
    await ask()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        taken.append(time.perf_counter() - began)
    return taken


async def measured(site: Site, account: str, times: int) -> dict[str, list[float]]:
    request = gate.request_of(Choice.of(site.tiers[0]), "0" * 16, {})
    kinds = {
        "query": await timed(times, lambda: ask_slurm(site, "sinfo", *QUERY)),
        "test of a job": await timed(times, lambda: gate.start_of(site, account, request)),
    }
    if site.slurm.ssh:
        shared = ssh.client
        ssh.client = lambda site: [*shared(site), "-o", "ControlPath=none"]
        kinds["query, not shared"] = await timed(times, lambda: ask_slurm(site, "sinfo", *QUERY))
    return kinds


if __name__ == "__main__":
    file, account, times = sys.argv[1:]
    print(json.dumps(asyncio.run(measured(load_site(Path(file)), account, int(times)))))
