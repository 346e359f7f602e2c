"""Jobs as Slurm lists them: the site's by squeue, or, where PrivateData hides them from the hub, by the accounting; and
everybody's that wait in its partitions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..site import Site
from .jobs import FIELDS, RECORDED, Job, parse_queue, parse_records
from .say import Answer, Silent, say

REMEMBERED = "now-10minutes"
"""Since when the accounting lists jobs that have ended; squeue's own memory is slurm.conf's MinJobAge, 5 minutes."""


async def listed(site: Site) -> dict[int, Job]:
    """Every job of the site that waits or runs, and those that ended within the last minutes, in one query.

    Raises Silent or Rubbish.
    """
    words = ("--noheader", "--states=all", f"--name={site.job_name}", f"--format={FIELDS}")
    return parse_queue(_answered(await say(site, "squeue", *words)))


async def recorded(site: Site) -> dict[int, Job]:
    """The same from slurmdbd, whose PrivateData is a setting of its own (slurmdbd.conf(5)). It knows neither the reason
    why a job waits nor its expected start, and a job's comment only with AccountingStoreFlags=job_comment.
    Raises Silent or Rubbish.
    """
    words = ("--noheader", "--parsable2", "--allusers", "--allocations", f"--starttime={REMEMBERED}", "--endtime=now")
    return parse_records(_answered(await say(site, "sacct", *words, f"--name={site.job_name}", f"--format={RECORDED}")))


@dataclass(frozen=True)
class Waiting:
    """A job that waits, whoever's it is."""

    id: int
    priority: int
    partitions: frozenset[str]


async def waiting_jobs(site: Site, partitions: list[str]) -> list[Waiting]:
    """All pending jobs of these partitions; a job array counts as one. Raises Silent."""
    words = ("--noheader", "--states=PENDING", f"--partition={','.join(partitions)}", "--format=%A|%Q|%P")
    rows = re.findall(r"(?m)^(\d+)\|(\d+)\|(\S+)$", _answered(await say(site, "squeue", *words)))
    return [Waiting(int(job), int(priority), frozenset(names.split(","))) for job, priority, names in rows]


def _answered(answer: Answer) -> str:
    if answer.code:
        raise Silent(answer.err or f"Slurm's program ended with code {answer.code}")
    return answer.out
