"""How a server's job ended, in Slurm's words and its log's, told as a card."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal, overload

from ...backends.interface import Cause, Ending
from ...site.tier import Requires, Tier
from ...site.units import human_memory, human_time
from ..servers.hub_state import Life
from .cards import NETWORK, Card, card_of_the_unseen


@overload
async def card_of_ending(life: Life, tag: str, *, starting: Literal[True]) -> Card: ...
@overload
async def card_of_ending(life: Life, tag: str, *, starting: bool) -> Card | None: ...
async def card_of_ending(life: Life, tag: str, *, starting: bool) -> Card | None:
    """How the server's job ended. None for a server that ended as it was asked to."""
    row = life.ledger.row(tag)
    if row is None or row.job is None:
        return (
            Card("lost", "The server's job was never accepted.", "Start again.")
            if starting
            else None
        )
    backend = life.backend_of(row)
    told = await backend.ending(row, row.job)
    if told is None and starting and backend.is_hidden(row):
        return card_of_the_unseen(backend, row.job)
    lines = tuple(telling(await backend.log_tail(row, row.job)))
    if told is None:
        what = f"The server's job is gone, and {backend.title} does not remember why."
        return Card("unknown", what, "Start again.", lines=lines)
    return card_of(told, row.choice, life.site.tiers, lines, starting=starting)


ACCESS = re.compile(r"\] [1-5]\d\d [A-Z]+ /\S* \(")
"""A request in the log of JupyterHub's single-user server (jupyterhub/log.py, log_request)."""


def telling(lines: Iterable[str]) -> list[str]:
    """The lines of a log without those of single requests, whose addresses are words of whoever
    asks."""
    return [line for line in lines if not ACCESS.search(line)]


CAUSES = {
    Cause.NODE: ("node", "The {node} failed.", "Start the server again; it goes to another node."),
    Cause.PREEMPTED: (
        "preempted",
        "Slurm took the place for work with a higher priority.",
        "Start again, or choose a tier that cannot be preempted.",
    ),
    Cause.CANCELLED: (
        "cancelled",
        "The server's job was cancelled {by}.",
        "Start it again when you need it.",
    ),
    Cause.REVOKED: (
        "revoked",
        "Another cluster of the federation took the job.",
        "Start the server again.",
    ),
}
"""Causes that say it all: kind, what happened, remedy."""


def card_of(
    told: Ending,
    choice: dict[str, Any],
    tiers: tuple[Tier, ...],
    lines: tuple[str, ...],
    *,
    starting: bool,
) -> Card | None:
    """A job's ending and the server's figures -> a card. Pure."""
    figures = _figures(told, choice)
    log = "\n".join(lines)
    said_oom = "oom-kill" in log.lower() and told.cause not in (Cause.COMPLETED, Cause.TIME)
    if told.cause is Cause.MEMORY or said_oom:
        return Card(
            "memory",
            f"The server ran out of memory: it may use {human_memory(choice['cap'])} and needed more.",
            _with_more(tiers, "cap", choice, choice["cap"], human_memory)
            + " Or work on less data at a time.",
            figures,
            lines,
        )
    if told.cause is Cause.TIME:
        limit = told.limit or choice["time"]
        return Card(
            "time",
            f"The server's time was up: its limit was {human_time(limit)}.",
            "Start it again. " + _with_more(tiers, "time", choice, limit, human_time),
            figures,
            lines,
        )
    if told.cause in CAUSES:
        kind, what, remedy = CAUSES[told.cause]
        node = f"node {told.node}" if told.node else "node"
        return Card(kind, what.format(node=node, by=_canceller(told)), remedy, figures, lines)
    if told.cause is Cause.COMPLETED and not starting:
        return None
    return _crash(told, figures, lines, log)


def _canceller(told: Ending) -> str:
    if told.by is None or told.owner is None:
        return "with scancel; Slurm does not say by whom"
    return (
        "by yourself, with scancel"
        if told.by == told.owner
        else "by an administrator of the cluster, with scancel"
    )


def _with_more(
    tiers: tuple[Tier, ...],
    what: str,
    choice: dict[str, Any],
    had: int,
    human: Callable[[int], str],
) -> str:
    """Which tier would have fitted: the next larger one of those that are for everybody, and not
    the one that ended, whose limit Slurm may have cut."""
    larger = [
        tier
        for tier in tiers
        if getattr(tier, what) > had
        and tier.requires == Requires()
        and tier.key != choice.get("tier")
    ]
    best = min(larger, key=lambda tier: getattr(tier, what), default=None)
    word = "memory" if what == "cap" else "time"
    return (
        f'The tier "{best.title}" has {human(getattr(best, what))}.'
        if best
        else f"No tier has more {word}."
    )


CRASHES = (
    (
        r"No space left on device|Disk quota exceeded",
        "home",
        "Your home directory is full.",
        "Make room and start again.",
    ),
    (
        r"Permission denied.*home|Read-only file system",
        "home",
        "Your home directory cannot be written.",
        "Ask your administrators to look at it.",
    ),
    (
        r"sitekit: no free port",
        "port",
        "Every port that servers may use on the node is taken.",
        "Start again; if it stays so, tell your administrators.",
    ),
    (
        r"bin/python: (not found|No such file|Permission denied)|readlink|No module named 'sitekit",
        "release",
        "The environment of the hub is missing on the node, or cannot be read there.",
        "Tell your administrators: is the shared file system mounted there, and may everybody read the release?",
    ),
    (
        r"module.*(unknown|not found|cannot be loaded)|Lmod has detected",
        "module",
        "A module that the server needs could not be loaded.",
        "Tell your administrators.",
    ),
    (
        r"(image|container).*(not found|no such file)|could not open image",
        "image",
        "The container image is missing.",
        "Choose another image, or tell your administrators.",
    ),
    (
        r"sitekit: the hub did not answer",
        "network",
        *NETWORK,
    ),
)


def _crash(told: Ending, figures: dict[str, str], lines: tuple[str, ...], log: str) -> Card:
    for pattern, kind, what, remedy in CRASHES:
        if re.search(pattern, log, re.IGNORECASE):
            return Card(kind, what, remedy, figures, lines)
    how = f"signal {told.signal}" if told.signal else f"exit code {told.exit_code}"
    return Card(
        "crash",
        f"The server ended by itself ({how}).",
        "Start it again; the last lines of its log may say why.",
        figures,
        lines,
    )


def _figures(told: Ending, choice: dict[str, Any]) -> dict[str, str]:
    figures = {"job": told.job, "tier": str(choice.get("title", ""))}
    if told.peak_memory:
        figures["memory used"] = (
            f"{human_memory(told.peak_memory)} of {human_memory(choice['cap'])}"
        )
    if told.elapsed is not None:
        figures["ran for"] = (
            f"{human_time(told.elapsed)} of {human_time(told.limit or choice['time'])}"
        )
    if told.node:
        figures["node"] = told.node
    return figures
