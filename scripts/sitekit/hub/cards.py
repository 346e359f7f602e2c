"""Failure cards: what happened to a server in one sentence, the figures, the last lines of the log, and what to do."""

from __future__ import annotations

import html
import re
import time
from dataclasses import dataclass, field
from typing import Any

from ..slurm.gate import log_lines
from ..slurm.inquiry import Ending, ending
from ..slurm.reasons import explain
from ..units import human_memory, human_time
from .life import Life


@dataclass(frozen=True)
class Card:
    """One failure, told to its user. `figures` are label and value; `kind` is a word for metrics and tests."""

    kind: str
    what: str
    remedy: str
    figures: dict[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "what": self.what,
            "remedy": self.remedy,
            "figures": dict(self.figures),
            "lines": list(self.lines),
        }

    def as_html(self) -> str:
        """The card for the progress page; all text in it is escaped."""
        figures = ", ".join(f"{html.escape(label)} {html.escape(value)}" for label, value in self.figures.items())
        log = html.escape("\n".join(self.lines[-20:]))
        return (
            f"<strong>{html.escape(self.what)}</strong> {html.escape(self.remedy)}"
            + (f"<br><small>{figures}</small>" if figures else "")
            + (f"<details><summary>Last lines of the log</summary><pre>{log}</pre></details>" if log else "")
        )


REFUSALS = (
    (
        r"Invalid account or account/partition|[Ii]nvalid account",
        "account",
        "Slurm does not let you use this account or partition.",
        "Ask your administrators which account is yours, or choose another tier.",
    ),
    (
        r"[Ii]nvalid qos",
        "qos",
        "Slurm does not let you use this quality of service (QOS).",
        "Choose another tier, or ask your administrators.",
    ),
    (
        r"violates accounting/QOS policy|AssocMax|QOSMax|Job violates",
        "limit",
        "You have reached a limit that Slurm sets for your account.",
        "Stop a job or another server of yours, or choose a smaller tier.",
    ),
    (
        r"[Ii]nvalid partition",
        "partition",
        "The partition of this tier does not exist.",
        "Choose another tier, and tell your administrators.",
    ),
    (
        r"time limit is invalid|Requested time limit",
        "time",
        "The tier asks for more time than its partition allows.",
        "Choose another tier, and tell your administrators.",
    ),
    (
        r"partition is (down|inactive)|state DOWN|Required partition not available|inactive or drain",
        "partition",
        "The partition of this tier is out of service.",
        "Choose another tier, or try again later.",
    ),
    (
        r"node configuration is not available|More processors requested|Memory specification",
        "size",
        "No node of the cluster is large enough for this tier.",
        "Choose a smaller tier, and tell your administrators.",
    ),
    (
        r"reservation",
        "reservation",
        "The reservation is not valid, or you may not use it.",
        "Choose a tier without it, or ask who made it.",
    ),
    (
        r"feature",
        "constraint",
        "No node has the features that this tier asks for.",
        "Choose another tier, and tell your administrators.",
    ),
)


def card_of_refusal(kind: str, text: str) -> Card:
    """What sbatch or the gate said when they refused to start a server."""
    lines = tuple(text.splitlines()[-8:])
    if kind == "home":
        full = "no space" in text.lower() or "quota" in text.lower()
        what = "Your home directory is full." if full else "Your home directory cannot be written."
        remedy = "Make room and start again." if full else "Ask your administrators to look at its permissions."
        return Card("home", what, remedy, lines=lines)
    for pattern, word, what, remedy in REFUSALS:
        if re.search(pattern, text):
            return Card(word, what, remedy, lines=lines)
    if kind == "sbatch":
        return Card(
            "refused",
            "Slurm refused the job.",
            "Choose another tier, or show these lines to your administrators.",
            lines=lines,
        )
    return Card(
        "gate",
        "The hub may not start servers for you.",
        "Tell your administrators; `make doctor` shows them why.",
        lines=lines,
    )


def card_of_outage(text: str) -> Card:
    """The scheduler did not answer when a server was to start."""
    return Card(
        "outage",
        "The scheduler does not answer; running servers are not affected.",
        "Try again in a few minutes. Should the job have been accepted all the same, it is cancelled.",
        lines=tuple(text.splitlines()[-4:]),
    )


async def card_of_patience(life: Life, tag: str) -> Card:
    """A server that did not start within its tier's start_timeout."""
    row = life.ledger.row(tag)
    job = life.job(tag, row.job) if row else None
    within = f"within {human_time(round(time.time() - row.intended))}" if row else "in time"
    if job is None or job.pending:
        why = f" {explain(job.reason).split(';')[0].rstrip('.')}." if job else ""  # what follows ; speaks of the future
        return Card(
            "patience", f"Slurm found no room for your server {within}.{why}", "Try again later, or with another tier."
        )
    lines = tuple(await log_lines(life.site, row.user, job.id)) if row else ()
    return Card("slow", f"The server did not answer {within}.", "Start again.", {"job": str(job.id)}, lines)


async def card_of_ending(life: Life, tag: str, *, starting: bool) -> Card | None:
    """How the server's job ended. None for a server that ended as it was asked to."""
    row = life.ledger.row(tag)
    if row is None or row.job is None:
        return Card("lost", "The job was never accepted by Slurm.", "Start again.") if starting else None
    told = await ending(life.site, row.job)
    lines = tuple(await log_lines(life.site, row.user, row.job))
    if told is None:
        return Card(
            "unknown", "The server's job is gone, and Slurm does not remember why.", "Start again.", lines=lines
        )
    return card_of(told, row.choice, lines, starting=starting)


def card_of(told: Ending, choice: dict[str, Any], lines: tuple[str, ...], *, starting: bool) -> Card | None:
    """Slurm's ending and the server's figures -> a card. Pure."""
    figures = _figures(told, choice)
    log = "\n".join(lines)
    if told.state == "OUT_OF_MEMORY" or ("oom-kill" in log.lower() and told.state != "COMPLETED"):
        cap = human_memory(choice["cap"])
        return Card(
            "memory",
            f"The server ran out of memory: it may use {cap} and needed more.",
            "Choose a tier with more memory, or work on less data at a time.",
            figures,
            lines,
        )
    if told.state in ("TIMEOUT", "DEADLINE") or _ended_in_time(told):
        return Card(
            "time",
            f"The server's time was up: its limit was {human_time(told.limit or choice['time'])}.",
            "Start it again; for longer work choose a tier with more time.",
            figures,
            lines,
        )
    if told.state in ("NODE_FAIL", "BOOT_FAIL", "LAUNCH_FAILED"):
        return Card(
            "node",
            f"The node {told.node or ''} failed.".replace("  ", " "),
            "Start the server again; it goes to another node.",
            figures,
            lines,
        )
    if told.state == "PREEMPTED":
        return Card(
            "preempted",
            "Slurm took the place for work with a higher priority.",
            "Start again, or choose a tier that cannot be preempted.",
            figures,
            lines,
        )
    if told.state == "CANCELLED":
        who = "by an administrator or by yourself, with scancel"
        return Card(
            "cancelled", f"The server's job was cancelled {who}.", "Start it again when you need it.", figures, lines
        )
    if told.state == "COMPLETED" and not starting:
        return None
    if told.state == "REVOKED":
        return Card(
            "revoked", "Another cluster of the federation took the job.", "Start the server again.", figures, lines
        )
    return _crash(told, figures, lines, log)


def _ended_in_time(told: Ending) -> bool:
    """Whether the server ended by itself at Slurm's warning, which comes 60 to 120 s before the time limit (the gate's
    --signal; sbatch(1): "up to 60 seconds earlier than specified"). To Slurm it has then COMPLETED."""
    near = told.limit is not None and told.elapsed is not None and told.elapsed >= told.limit - 125
    return near and told.state in ("COMPLETED", "FAILED")


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
        r"bin/python: (not found|No such file)|readlink|No module named 'sitekit",
        "release",
        "The environment of the hub is missing on the node.",
        "Tell your administrators: is the shared file system mounted there?",
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
        r"sitekit: the hub does not answer",
        "network",
        "The node cannot reach the hub.",
        "Tell your administrators: `make doctor` tests the way from the nodes to the hub.",
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
    figures = {"job": str(told.job), "tier": str(choice.get("title", ""))}
    if told.peak_memory:
        figures["memory used"] = f"{human_memory(told.peak_memory)} of {human_memory(choice['cap'])}"
    if told.elapsed is not None:
        figures["ran for"] = f"{human_time(told.elapsed)} of {human_time(choice['time'])}"
    if told.node:
        figures["node"] = told.node
    return figures
