"""Build the failure cards of servers whose jobs have ended.

The text of a card follows from the state of the job in Slurm and from the last lines of the job's
log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal, overload

from ...backends.start_and_job_records import Cause, Ending
from ...base.language import gettext as _
from ...base.language import later as N_
from ...site.sections.tier import Tier
from ...site.types.memory_and_time import human_memory, human_time
from ..servers.shared_objects import HubState
from .failed_start_cards import NETWORK, Card, card_of_hidden_job
from .larger_tier import larger_tier


@overload
async def card_of_ending(hub_state: HubState, tag: str, *, starting: Literal[True]) -> Card: ...
@overload
async def card_of_ending(hub_state: HubState, tag: str, *, starting: bool) -> Card | None: ...
async def card_of_ending(hub_state: HubState, tag: str, *, starting: bool) -> Card | None:
    """Return the card for the server's ended job. If the server had started (`starting` is false)
    and the job ended without a failure, return None."""
    row = hub_state.ledger.row(tag)
    if row is None or row.job is None:
        if not starting:
            return None
        return Card("lost", _("The server's job was never accepted."), _("Start again."))
    backend = hub_state.backend_of(row)
    ending = await backend.ending(row, row.job)
    if ending is None and starting and backend.is_hidden(row):
        return card_of_hidden_job(backend, row.job)
    lines = tuple(without_requests(await backend.log_tail(row, row.job)))
    if ending is None:
        what = _(
            "The server's job has ended, and {title} has no record of the reason.",
            title=backend.title,
        )
        return Card("unknown", what, _("Start again."), lines=lines)
    return card_of(ending, row.choice, hub_state.site.tiers, lines, starting=starting)


ACCESS = re.compile(r"\] [1-5]\d\d [A-Z]+ /\S* \(")
"""The form of an HTTP request in the log of JupyterHub's single-user server (jupyterhub/log.py,
log_request)."""


def without_requests(lines: Iterable[str]) -> list[str]:
    """Return the lines of a log, except those about single HTTP requests.

    Anybody can send a request with any URL, and thereby write any text into a log line about a
    request.
    """
    return [line for line in lines if not ACCESS.search(line)]


CAUSES = {
    Cause.NODE: (
        "node",
        N_("The {node} failed."),
        N_("Start the server again; it goes to another node."),
    ),
    Cause.PREEMPTED: (
        "preempted",
        N_("Slurm ended the job to run a job with a higher priority."),
        N_("Start again, or choose a tier that cannot be preempted."),
    ),
    Cause.CANCELLED: (
        "cancelled",
        N_("The server's job was cancelled {by}."),
        N_("Start it again when you need it."),
    ),
    Cause.REVOKED: (
        "revoked",
        N_("Another cluster of the federation took the job."),
        N_("Start the server again."),
    ),
}
"""For each cause with a fixed text: the kind of the card, the sentence about what happened, and the
remedy."""


def card_of(
    ending: Ending,
    choice: dict[str, Any],
    tiers: tuple[Tier, ...],
    lines: tuple[str, ...],
    *,
    starting: bool,
) -> Card | None:
    """Return the card for an ended job, from its state and the limits in the server's choice."""
    figures = _figures(ending, choice)
    log = "\n".join(lines)
    killed_for_memory = "oom-kill" in log.lower() and ending.cause not in (
        Cause.COMPLETED,
        Cause.TIME,
    )
    if ending.cause is Cause.MEMORY or killed_for_memory:
        advice, larger = larger_tier(tiers, "cap", choice, choice["cap"], human_memory)
        return Card(
            "memory",
            _(
                "The server ran out of memory: it may use {cap} and needed more.",
                cap=human_memory(choice["cap"]),
            ),
            " ".join([advice, _("Or work on less data at a time.")]),
            figures,
            lines,
            larger,
        )
    if ending.cause is Cause.TIME:
        limit = ending.limit or choice["time"]
        advice, larger = larger_tier(tiers, "time", choice, limit, human_time)
        return Card(
            "time",
            _("The server's time was up: its limit was {time}.", time=human_time(limit)),
            " ".join([_("Start it again."), advice]),
            figures,
            lines,
            larger,
        )
    if ending.cause in CAUSES:
        kind, what, remedy = CAUSES[ending.cause]
        node = _("node {name}", name=ending.node) if ending.node else _("node")
        text = _(what, node=node, by=_canceller(ending))
        return Card(kind, text, _(remedy), figures, lines)
    if ending.cause is Cause.COMPLETED and not starting:
        return None
    return _crash(ending, figures, lines, log)


def _canceller(ending: Ending) -> str:
    """Return the part of the card's sentence that says who cancelled the job, such as "by yourself,
    with scancel"."""
    if ending.by is None or ending.owner is None:
        return _("with scancel; Slurm does not report by whom")
    if ending.by == ending.owner:
        return _("by yourself, with scancel")
    return _("by an administrator of the cluster, with scancel")


CRASHES = (
    (
        r"No space left on device|Disk quota exceeded",
        "home",
        N_("Your home directory is full."),
        N_("Make room and start again."),
    ),
    (
        r"Permission denied.*home|Read-only file system",
        "home",
        N_("Your home directory cannot be written."),
        N_("Ask your administrators to look at your home directory."),
    ),
    (
        r"sitekit: no free port",
        "port",
        N_("Every port that servers may use on the node is taken."),
        N_("Start again; if it stays so, tell your administrators."),
    ),
    (
        r"bin/python: (not found|No such file|Permission denied)|readlink|No module named 'sitekit",
        "release",
        N_("The environment of the hub is missing on the node, or cannot be read there."),
        N_(
            "Tell your administrators: is the shared file system mounted there, and may everybody read the release?"
        ),
    ),
    (
        r"module.*(unknown|not found|cannot be loaded)|Lmod has detected",
        "module",
        N_("A module that the server needs could not be loaded."),
        N_("Tell your administrators."),
    ),
    (
        r"sitekit: the image \S+ is missing",
        "image-missing",
        N_("The container image is missing on the node."),
        N_("Choose another image, or tell your administrators."),
    ),
    (
        r"sitekit: the image \S+ was not tested",
        "image-untested",
        N_("The container image was not tested yet."),
        N_("Choose another image, or tell your administrators: make images_check."),
    ),
    (
        r"sitekit: the image \S+ was changed",
        "image-changed",
        N_("The container image was changed after its test."),
        N_("Choose another image, or tell your administrators: make images_check."),
    ),
    (
        r"sitekit: the image \S+ cannot be run",
        "image-engine",
        N_("The program that runs container images is missing on the node."),
        N_("Choose a tier without images, or tell your administrators."),
    ),
    (
        r"(image|container).*(not found|no such file)|could not open image",
        "image",
        N_("The container image is missing."),
        N_("Choose another image, or tell your administrators."),
    ),
    (
        r"sitekit: the hub did not answer",
        "network",
        *NETWORK,
    ),
)


def _crash(ending: Ending, figures: dict[str, str], lines: tuple[str, ...], log: str) -> Card:
    """Return the card for a server that crashed. Patterns in the server's log select the text of
    the card."""
    for pattern, kind, what, remedy in CRASHES:
        if re.search(pattern, log, re.IGNORECASE):
            return Card(kind, _(what), _(remedy), figures, lines)
    how = _("exit code {code}", code=ending.exit_code)
    if ending.signal:
        how = _("signal {number}", number=ending.signal)
    return Card(
        "crash",
        _("The server ended by itself ({how}).", how=how),
        _("Start it again; the last lines of its log may contain the reason."),
        figures,
        lines,
    )


def _figures(ending: Ending, choice: dict[str, Any]) -> dict[str, str]:
    """Return the values that the card shows: job, tier, memory, time and node."""
    figures = {_("job"): ending.job, _("tier"): str(choice.get("title", ""))}
    figures |= {_("image"): str(choice["image"])} if choice.get("image") else {}
    if ending.peak_memory:
        figures[_("memory used")] = _(
            "{used} of {limit}",
            used=human_memory(ending.peak_memory),
            limit=human_memory(choice["cap"]),
        )
    if ending.elapsed is not None:
        figures[_("ran for")] = _(
            "{used} of {limit}",
            used=human_time(ending.elapsed),
            limit=human_time(ending.limit or choice["time"]),
        )
    if ending.node:
        figures[_("node")] = ending.node
    return figures
