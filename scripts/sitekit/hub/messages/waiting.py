"""Describe why a pending job waits, for how long, and with which other tiers a server starts sooner."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any

from ...backends.resource_choice import Choice
from ...backends.start_and_job_records import Job, Wait
from ...base.language import gettext as _
from ...base.language import later as N_
from ...base.language import ngettext
from ...site.sections.tier import Requires, Tier
from ...site.types.memory_and_time import human_memory, human_time
from ..ledger.ledger import Row
from ..servers.shared_objects import HubState

SOONER = 120  # a tier is named only if it starts more than this number of seconds earlier
MOST = 3  # the highest number of tiers that are named


@dataclass(frozen=True)
class FasterTier:
    """Describe a tier whose servers start sooner than the waiting server.

    `start` is the expected start in seconds since the epoch. `less` is a text about each resource
    of which the tier has less than the request, such as "1.5 GB of memory instead of 5 GB". If the
    tier is at least as large as the request, `less` is "".
    """

    key: str
    title: str
    start: int
    less: str = ""


@dataclass(frozen=True)
class WaitingServer:
    """Describe the wait of one server. `text` contains the sentences that the user reads."""

    text: str
    ahead: int | None
    start: int | None
    faster: tuple[FasterTier, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return a dictionary with the values that a progress event contains in addition to the
        text. The dictionary can be sent as JSON."""
        return {
            "ahead": self.ahead,
            "start": self.start,
            "faster": [asdict(tier) for tier in self.faster],
        }


def describe_wait(
    hub_state: HubState, row: Row, job: Job, offered: Collection[str] | None = None
) -> WaitingServer:
    """Describe the wait of a pending job from the last lists of its backend, without a query.

    `offered` are the keys of the tiers that the user may choose. If `offered` is None, the text
    names only tiers that every user may choose.
    """
    wait = hub_state.backend_of(row).wait(job)
    asked = Choice.from_dict(row.choice)
    faster = () if wait.limited else faster_tiers(hub_state, asked, wait.start, offered)
    return WaitingServer(_text(job, wait, faster), wait.ahead, wait.start, faster)


def faster_tiers(
    hub_state: HubState, asked: Choice, start: int | None, offered: Collection[str] | None
) -> tuple[FasterTier, ...]:
    """Return the tiers whose servers start well before `start`. The result begins with the tiers
    that are at least as large as the requested tier `asked`."""
    found = []
    for tier in hub_state.site.tiers:
        may = tier.requires == Requires() if offered is None else tier.key in offered
        if tier.key == asked.tier or not may or tier.runs_on not in hub_state.backends:
            continue
        expected = hub_state.backends[tier.runs_on].expected_start(tier.key)
        if expected is not None and expected + SOONER < (start or float("inf")):
            found.append(FasterTier(tier.key, tier.title, expected, _less(tier, asked)))
    return tuple(sorted(found, key=lambda one: (bool(one.less), one.start))[:MOST])


def _less(tier: Tier, asked: Choice) -> str:
    """Return a text about the resources of which the tier has less than the request; "" if there is
    no such resource."""
    parts = []
    if tier.cap < asked.cap or tier.memory < asked.memory:
        few, many = (tier.cap, asked.cap) if tier.cap < asked.cap else (tier.memory, asked.memory)
        text = N_("{own} of memory instead of {wanted}")
        if tier.cap >= asked.cap:
            text = N_("{own} of guaranteed memory instead of {wanted}")
        parts.append(_(text, own=human_memory(few), wanted=human_memory(many)))
    for what, spell in COUNTS.items():
        count, wanted = getattr(tier, what), getattr(asked, what)
        if count < wanted:
            parts.append(_("{own} instead of {wanted}", own=spell(count), wanted=wanted))
    if asked.gpu_type and tier.gpus and tier.gpu_type != asked.gpu_type:
        parts.append(_("not the GPU {kind}", kind=asked.gpu_type))
    if tier.time < asked.time:
        less, more = human_time(tier.time), human_time(asked.time)
        parts.append(_("{own} instead of {wanted}", own=less, wanted=more))
    return ", ".join(parts)


COUNTS: dict[str, Callable[[int], str]] = {
    "cpus": lambda count: ngettext("1 CPU", "{count} CPUs", count),
    "gpus": lambda count: ngettext("1 GPU", "{count} GPUs", count),
    "nodes": lambda count: ngettext("1 node", "{count} nodes", count),
    "tasks": lambda count: ngettext("1 task per node", "{count} tasks per node", count),
}
"""The resources of a request that are numbers, each with the function that converts the number to
text."""


def _text(job: Job, wait: Wait, faster: tuple[FasterTier, ...]) -> str:
    """Return the sentences that explain the wait to the user."""
    sentences = [_("Job {job} waits.", job=job.id)]
    if wait.where:
        sentences = [_("Job {job} waits in {queue}.", job=job.id, queue=wait.where)]
    sentences.append(wait.reason)
    if wait.ahead:
        sentences.append(
            ngettext("One job is ahead of it.", "{count} jobs are ahead of it.", wait.ahead)
        )
    if wait.where or wait.start:
        sentences.append(_expected(wait.start))
    if faster and not faster[0].less:
        sentences.append(_('The tier "{tier}" would start sooner.', tier=faster[0].title))
    return " ".join(sentences)


def _expected(start: int | None) -> str:
    """Return a sentence about the expected start of the job."""
    if start is None:
        return _("Expected start: unknown.")
    left = start - time.time()
    if left < 45:
        return _("Expected start: any moment.")
    about = human_time(max(60, round(left / 60) * 60))
    return _("Expected start: in about {time}.", time=about)
