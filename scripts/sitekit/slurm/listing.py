"""The site's jobs as Slurm lists them: by squeue, or, where PrivateData hides them from the hub, by the accounting."""

from __future__ import annotations

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


def _answered(answer: Answer) -> str:
    if answer.code:
        raise Silent(answer.err or f"Slurm's program ended with code {answer.code}")
    return answer.out
