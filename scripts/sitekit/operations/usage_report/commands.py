"""Run `make report [FROM=2026-01 UNTIL=2026-11]`."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ...backends.slurm.job_use import JobUse, job_use, jobs_between
from ...backends.start_and_job_records import NoAnswer
from ...base.errors import BadInput, Problem
from ...base.files import write_atomic
from ...base.progress import say, step
from ...base.run_program import need_root
from ...hub.ledger.starts_and_idle_time import Usage
from ...site import Site
from ..parse_make_variables import parse_variables
from ..running_hub.open_ledger import hubs_ledger
from .advice import advise
from .compute_figures import by_month, in_all, period_of
from .match_jobs import Jobs, run_of
from .months import Month, begin_of, end_of, name, read_months
from .write_report import Report, as_csv, as_html

AT_ONCE, MOST_RENAMED = 500, 5000  # the most jobs of one query by job id, and of all such queries
MARGIN = timedelta(hours=26)  # sacct reads times in the time zone of its own host
NOTES = (
    "Months begin and end in the local time of this host. The hours of a server are divided among "
    "its months; all else counts in the month in which it started.",
    "A job counts if the hub's ledger has its number and its owner. The ledger has the starts of "
    "the last thirteen months.",
    "Memory is the largest that a step of the job used at once, and includes files in the page "
    "cache if JobAcctGatherParams does not leave them out. It is recorded when a job has ended.",
    "A server is idle while it had no activity for more than ten minutes, counted every five.",
)


def report(site: Site, *words: str) -> int:
    """Write the report about some months as HTML and CSV files. Raises BadInput or Problem."""
    given = parse_variables("report", words, ("FROM", "UNTIL", "FOLDER"))
    now = datetime.now()
    months = read_months(given.get("FROM"), given.get("UNTIL"), now)
    folder = Path(given.get("FOLDER", "."))
    if not folder.is_dir():
        raise BadInput("this is no folder", str(folder), "name an existing folder in FOLDER")
    need_root("report")
    _check_writable(folder)
    begin, end = period_of(months)
    with hubs_ledger(site, writes=False) as ledger:
        starts = ledger.usage(begin, end)
    uses = asyncio.run(_uses(site, months, starts)) if "slurm" in site.backends else []
    made = make_report([tier.key for tier in site.tiers], starts, uses, months, now.timestamp())
    stem = f"sitekit-{site.name}-{name(months[0])}-to-{name(months[-1])}"
    pages = {"html": as_html(site, made, now), "csv": as_csv(made)}
    for kind, text in pages.items():
        write_atomic(folder / f"{stem}.{kind}", text)
        say(f" ok {folder / stem}.{kind}")
    for one in made.advice:
        say(f"    {one.tier}: {one.verdict}: {one.why}")
    return 0


def _check_writable(folder: Path) -> None:
    """Raise BadInput if no file can be written in the folder. For example, some NFS servers do not
    let root write.

    The function checks this before the report is computed, because reading Slurm's accounting can
    take minutes.
    """
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        what = f"no file can be written there: {error.strerror}"
        remedy = "name a folder on a local disk, such as FOLDER=/root"
        raise BadInput(what, str(folder), remedy) from None


async def _uses(site: Site, months: Sequence[Month], starts: Sequence[Usage]) -> list[JobUse]:
    """Return the jobs of the starts from Slurm's accounting, which is queried month by month.
    Raises Problem.

    The function first searches Slurm's accounting for jobs with the site's job name. Because users
    can rename their jobs, the function then searches for the missing jobs by their ids.
    """
    found: list[JobUse] = []
    numbers = [start.job for start in starts if start.backend == "slurm" and start.job]
    if not numbers:
        return found
    with step("Reading Slurm's accounting", total=len(months)) as progress:
        try:
            for month in months:
                span = [datetime.fromtimestamp(at(month)) for at in (begin_of, end_of)]
                found += await jobs_between(site, span[0] - MARGIN, span[1] + MARGIN)
                progress.advance()
            named = {use.job for use in found}
            missing = [number for number in numbers if number not in named][-MOST_RENAMED:]
            for at in range(0, len(missing), AT_ONCE):
                found += await job_use(site, *missing[at : at + AT_ONCE])
        except NoAnswer as why:
            remedy = "check sacct and slurmdbd: make doctor CHECK=slurm"
            what = f"Slurm's accounting does not answer: {why}"
            raise Problem(what, "sacct", remedy) from None
    return found


def make_report(
    tiers: Sequence[str],
    starts: Sequence[Usage],
    uses: Sequence[JobUse],
    months: Sequence[Month],
    now: float,
) -> Report:
    """Return the report about these starts (from the ledger) and `uses` (the jobs in the
    accounting)."""
    jobs = Jobs.of(uses)
    runs = [run_of(start, jobs, now) for start in starts]
    total = in_all(runs, months)
    missing = sum(own.not_accounted for own in total.values())
    notes = list(NOTES)
    if missing:
        notes.append(
            f"{missing} servers are not in Slurm's accounting, because their backend has none, or "
            "slurmdbd has purged them. Their hours are the hub's; their use is not known."
        )
    order = [*tiers, *sorted(set(total) - set(tiers))]
    return Report(months, order, by_month(runs, months), total, advise(tiers, total), notes)
