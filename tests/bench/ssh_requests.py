"""Time queries, and submissions of jobs, of one site, as its hub sends them; a program of the row
`ssh`.

`python ssh_requests.py SITE ACCOUNT TIMES` prints JSON: seconds by kind of request, and, for a site
with a login node, also those with the other choice about shared connections.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sitekit.backends.resource_choice import Choice
from sitekit.backends.slurm import gate_client, ssh
from sitekit.backends.slurm.ssh_files import sockets
from sitekit.backends.slurm.transport import ask_slurm
from sitekit.backends.start_and_job_records import Work
from sitekit.site import Site, load_site

QUERY = ("--noheader", "--all", "--format=%R|%a")  # the gate accepts no space in a query
TAG = "0" * 16


async def nothing(answer: object) -> None:
    pass


async def timed(
    times: int,
    ask: Callable[[], Awaitable[Any]],
    undo: Callable[[Any], Awaitable[None]] = nothing,
) -> list[float]:
    """Seconds of each of `times` requests; one before them is not counted.

    `undo` gets the answer of each request; its own time is not counted.
    """
    await undo(await ask())
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        answer = await ask()
        taken.append(time.perf_counter() - began)
        await undo(answer)
    return taken


def query(site: Site) -> Callable[[], Awaitable[Any]]:
    return lambda: ask_slurm(site, "sinfo", *QUERY)


async def submissions(site: Site, account: str, times: int) -> list[float]:
    """Seconds of submissions of jobs, which are cancelled at once."""
    # one partition: of several, the gate would first ask Slurm which starts the job now
    one = site.tiers[0].model_copy(update={"partitions": site.tiers[0].partitions[:1]})
    request = gate_client.request_of(Choice.of(one), TAG, {})

    async def cancel(job: str) -> None:
        work = Work(tag=TAG, user=account, account=account, intended=time.time())
        await gate_client.cancel(site, work, job, graceful=False)

    return await timed(times, lambda: gate_client.submit(site, account, request), cancel)


async def measured(site: Site, account: str, times: int) -> dict[str, list[float]]:
    """Seconds as the hub works, and with the other choice about shared connections.

    The hub shares one connection among its queries, and opens one for each submission.
    """
    kinds = {"query": await timed(times, query(site))}
    kinds["submit"] = await submissions(site, account, times)
    if site.slurm.ssh:
        usual = ssh.client
        ssh.client = lambda site: [*usual(site), "-o", "ControlPath=none"]
        kinds["query, not shared"] = await timed(times, query(site))
        own = ("ControlMaster=auto", "ControlPersist=20", f"ControlPath={sockets(site)}/bench-%C")
        ssh.client = lambda site: [*usual(site), *(word for one in own for word in ("-o", one))]
        kinds["submit, shared"] = await submissions(site, account, times)
    return kinds


if __name__ == "__main__":
    file, account, times = sys.argv[1:]
    print(json.dumps(asyncio.run(measured(load_site(Path(file)), account, int(times)))))
