"""Run `make trace USER=name [SERVER=name]`: print the steps of the user's last start of a server,
in order."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from ...backends.slurm.job_use import job_use
from ...backends.slurm.list_jobs import listed
from ...backends.start_and_job_records import NoAnswer
from ...base.errors import BadInput
from ...base.progress import say
from ...hub.ledger.ledger import Row
from ...site import Site
from ..parse_make_variables import parse_variables, required
from ..running_hub.open_ledger import hubs_ledger
from .find_log_lines import ends_of, front_steps, gate_steps, hub_steps, node_steps
from .find_missing_step import Story, order_steps, stages_of
from .step import NotReadable, Step, plain


def trace(site: Site, *words: str) -> int:
    """Print the steps of the last start, the time between them, and the step that failed.

    Returns 1 if the start has failed, or if it is not known whether it has failed; else 0. Raises
    BadInput or Problem.
    """
    given = parse_variables("trace", words, ("USER", "SERVER", "JSON"))
    user = required("trace", given, "USER", "alice")
    row, ready, unread = last_start(site, user, given.get("SERVER", ""))
    if row is None:
        raise BadInput("no start of this server is known", user, "SERVER= names it; use sudo")
    steps, others = collect(site, row, unread, ready)
    unread |= others
    over = bool(row.ended or row.abandoned)
    story = order_steps(steps, unread, over=over, backend=row.backend)
    if given.get("JSON") == "1":
        say(json.dumps(as_json(row, story, unread), indent=2))
    else:
        for line in as_text(row, story, unread):
            say(line)
    return 1 if story.failed or story.unsure else 0


def last_start(site: Site, user: str, name: str) -> tuple[Row | None, float | None, dict[str, str]]:
    """Return three values: the user's last start, the time when the hub opened the server to the
    user, and the sources that could not be read (source -> reason).

    If the ledger cannot be read, the function uses the newest job of a server that Slurm still
    lists for the account `user`. Raises BadInput or Problem.
    """
    try:
        with hubs_ledger(site, writes=False) as ledger:
            row = ledger.last_start(user, name)
            return row, ledger.ready_at(row.tag) if row else None, {}
    except BadInput as refused:
        if os.geteuid() == 0:
            raise
        if name:  # only the ledger has the names of servers
            raise BadInput(refused.what, f"SERVER={name}", "use sudo, or leave it out") from None
        unread = {"ledger": refused.what}
    try:
        jobs = asyncio.run(listed(site)).jobs.values()
    except NoAnswer as why:
        return None, None, unread | {"slurm": plain(str(why))}
    own = [job for job in jobs if job.user == user and job.tag]
    if not own:
        return None, None, unread
    job = max(own, key=lambda one: int(one.id))
    row = Row(
        tag=job.tag or "",
        user=user,
        account=user,
        uid=job.uid,
        job=job.id,
        intended=_submitted(site, job.id),
        name=name,
        backend="slurm",
        token=None,
        choice={},
    )
    return row, None, unread


def _submitted(site: Site, job: str) -> float:
    """Return the time when a job was submitted, in seconds since the epoch; the present time if it
    is not known."""
    try:
        return min((use.submit for use in asyncio.run(job_use(site, job))), default=time.time())
    except NoAnswer:
        return time.time()


def collect(
    site: Site, row: Row, unread: Mapping[str, str], ready: float | None = None
) -> tuple[list[Step], dict[str, str]]:
    """Return the steps from all sources (logs, ledger, Slurm) except those in `unread`, and the
    sources that could not be read: source -> reason."""
    sources: dict[str, Callable[[], list[Step]]] = {
        "ledger": lambda: ledger_steps(row, ready),
        "front": lambda: front_steps(site, row, ends_of(row)),
        "hub": lambda: hub_steps(site, row),
        "gate": lambda: gate_steps(site, row),
        "slurm": lambda: slurm_steps(site, row),
        "node": lambda: node_steps(site, row),
    }
    steps: list[Step] = []
    failed: dict[str, str] = {}
    for name, read in sources.items():
        if name in unread:
            continue
        try:
            steps += read()
        except NotReadable as why:
            failed[name] = str(why)
    return steps, failed


def ledger_steps(row: Row, ready: float | None = None) -> list[Step]:
    """Return the steps that the hub has recorded in its ledger. `ready` is the time when the hub
    opened the server to its user."""
    tier = plain(str(row.choice.get("tier", "")))
    what = f"the hub recorded the request for the tier {tier}"
    steps = [Step(row.intended, "ledger", what, "requested")]
    if row.job:
        what = f"the hub has recorded job {row.job} for it"  # the ledger has no time for this step
        steps.append(Step(row.intended, "ledger", what, "submitted"))
    if row.listening:
        what = f"the hub recorded port {row.port}"
        steps.append(Step(row.listening, "ledger", what, "listening"))
    if ready:
        steps.append(Step(ready, "ledger", "the hub opened the server to its user", "opened"))
    if row.abandoned:
        steps.append(Step(row.abandoned, "ledger", "the server was to be stopped"))
    if row.ended:
        steps.append(Step(row.ended, "ledger", "the hub recorded the end of the server"))
    return steps


def slurm_steps(site: Site, row: Row) -> list[Step]:
    """Return the steps of the job from Slurm's accounting. Slurm reports its times in whole
    seconds. Raises NotReadable."""
    if row.backend != "slurm" or not row.job:
        return []
    try:
        uses = asyncio.run(job_use(site, row.job))
    except NoAnswer as why:
        raise NotReadable(f"sacct: {plain(str(why))}") from None
    own = [use for use in uses if row.owns(use.uid, use.user) and use.submit >= row.intended - 60]
    if not own:
        raise NotReadable(f"sacct lists no job {row.job} of {row.account} for this caller")
    steps = []
    for use in own:
        submit = max(use.submit, row.intended)  # Slurm's time is in whole seconds
        steps.append(Step(submit, "slurm", f"job {use.job} was submitted", "submitted"))
        if use.start:
            what = f"job {use.job} started on {plain(use.node)}"
            steps.append(Step(max(use.start, submit), "slurm", what, "started"))
        if use.end:
            steps.append(Step(use.end, "slurm", f"job {use.job} ended: {plain(use.state)}"))
        elif not use.start:
            steps.append(Step(submit, "slurm", f"job {use.job} is {plain(use.state)}"))
    return steps


def as_text(row: Row, story: Story, unread: dict[str, str]) -> list[str]:
    """Return the steps as lines of text: time, seconds since the previous step, source, and
    description."""
    server = f", server {plain(row.name)}" if row.name else ""
    lines = [f"Start {row.tag} of {plain(row.user)}{server}, account {plain(row.account)}", ""]
    before = story.steps[0].at if story.steps else 0.0
    for step in story.steps:
        clock = datetime.fromtimestamp(step.at).isoformat(sep=" ", timespec="milliseconds")
        lines.append(f"{clock}  {_gap(step.at - before):>9}  {step.source:<6}  {step.what}")
        before = step.at
    lines.append("")
    lines += [f"Not readable by you: {name}: {why}" for name, why in sorted(unread.items())]
    return lines + _verdict(row, story)


def _verdict(row: Row, story: Story) -> list[str]:
    """Return the lines that say whether the start succeeded, and which step failed."""
    stages = stages_of(row.backend)
    lines = [f"Not known: whether {stages[stage][1]}." for stage in story.unsure]
    if story.failed:
        _, what, where = stages[story.failed]
        where = where.format(user=plain(row.user), job=plain(row.job or ""))
        lines.append(f"The start failed before this step: {what}. Next: {where}")
    elif story.under_way:
        lines.append("The start goes on.")
    elif not story.unsure:
        # after a restart, the hub logs `opened` again for each server that it finds
        took = min(step.at for step in story.steps if step.stage == "opened") - row.intended
        lines.append(f"The server was opened after {took:.1f} s.")
    if row.card:
        lines.append(f"The user's card: {plain(str(row.card.get('what', '')))}")
    return lines


def as_json(row: Row, story: Story, unread: dict[str, str]) -> dict[str, object]:
    """Return the steps of the start as a dictionary that can be printed as JSON. Times are in
    seconds since the epoch."""
    steps = [{**asdict(step), "gap": 0.0} for step in story.steps]
    for earlier, later in itertools.pairwise(steps):
        later["gap"] = round(later["at"] - earlier["at"], 3)
    return {
        "start": row.tag,
        "user": row.user,
        "server": row.name,
        "account": row.account,
        "job": row.job,
        "steps": steps,
        "failed": story.failed or None,
        "not_known": list(story.unsure),
        "under_way": story.under_way,
        "card": row.card.get("kind") if row.card else None,
        "not_readable": unread,
    }


def _gap(seconds: float) -> str:
    return f"+{seconds:.3f} s"
