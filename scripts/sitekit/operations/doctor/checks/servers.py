"""Compare the servers in the ledger (the hub's record of starts) with the jobs of the backends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial

from ....backends.interface import Backend
from ....backends.load_backends import backends_of
from ....base.finding import Finding, note, warning
from ....machine.checks import servers_on_removed_backends
from ....machine.installed import unix_accounts
from ....machine.installed.read_and_restore_path import MACHINE
from ....site.backend_names import BACKENDS
from ..check import Subject
from ..context import Context
from .state import open_starts

subject = Subject("servers", "Servers of users")
SETTLED = 900.0
"""Only starts that are older than this number of seconds are reported. Within minutes, a running
hub records the job of a start, or records that the start has ended."""


@subject.check(
    "rows",
    "starts in the ledger that have not ended, although their job, account or backend is missing",
    "the hub counts these servers as running, and their users cannot start another one",
    "sudo make start; if they stay, read the hub's log",
    needs=("state.ledger", "slurm.controller"),
    follows=("services.hub",),
    root=True,
)
def rows(here: Context) -> Iterator[Finding]:
    site, old = here.site, time.time() - SETTLED
    starts = [row for row in open_starts(here).get("rows", []) if row[5] < old]
    if not starts:
        return
    ids: dict[str, set[str]] = {}
    known = {row[3] for row in starts} & BACKENDS.keys()
    for name, one in backends_of(site, lambda _: (), known).items():
        ids[name] = here.once(f"the jobs of {name}", partial(_live, one))
    for tag, user, account, backend, job, intended, _ in starts:
        hours = f"since {(time.time() - intended) / 3600:.1f} h"
        if backend not in ids:
            yield warning(f"{user}'s server {tag}: this sitekit has no backend {backend}", "ledger")
        elif not site.slurm.ssh and not unix_accounts.has_account(MACHINE, account):
            yield warning(f"{user}'s server {tag}: there is no account {account}", "ledger")
        elif job is None:
            yield warning(f"{user}'s server {tag}: no job was recorded, {hours}", "ledger")
        elif str(job) not in ids[backend]:
            yield warning(f"{user}'s server {tag}: Slurm lists no job {job}, {hours}", "ledger")


def _live(backend: Backend) -> set[str]:
    """Return the ids of the jobs that the backend lists."""
    return {str(job.id) for job in asyncio.run(backend.list_jobs())}


@subject.check(
    "strays",
    "jobs with a server's tag that belong to no start in the ledger",
    "such jobs use resources of users, and the hub does not end these jobs",
    "scancel NUMBER, after a look at: scontrol show job NUMBER",
    needs=("state.ledger", "slurm.controller", "slurm.queue"),
    follows=("services.hub",),
    root=True,
)
def strays(here: Context) -> Iterator[Finding]:
    known = {str(row[0]) for row in open_starts(here).get("rows", [])}
    for name, backend in backends_of(here.site, lambda _: ()).items():
        jobs = here.once(f"all jobs of {name}", partial(_jobs, backend))
        for number, user, tag in jobs[:100]:
            if tag not in known:
                yield note(f"the job {number} of {user} belongs to no start in the ledger", name)


def _jobs(backend: Backend) -> list[tuple[str, str, str]]:
    """Return the running jobs whose comment has a server's tag (the id of its start), as (job id,
    user, tag).

    Any user can submit a job whose comment looks like a server's tag. Therefore, a job that is not
    in the ledger gives only a note.
    """
    jobs = asyncio.run(backend.list_jobs())
    return [(str(job.id), job.user, job.tag) for job in jobs if job.tag and job.running]


@subject.check(
    "without-tier",
    "servers that run on a backend that no tier names",
    "the hub does not see them, and does not end them",
    "keep a tier with this `runs_on` until they have ended",
    needs=("state.ledger",),
    root=True,
)
def without_tier(here: Context) -> Iterator[Finding]:
    yield from servers_on_removed_backends.check_removed_backends(here.site)
