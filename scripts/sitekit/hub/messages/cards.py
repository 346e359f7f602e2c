"""Failure cards: what happened to a server in one sentence, the figures, the last lines of the log, and what to do.

Here are those of servers that did not start; ended.py has those of servers that ran."""

from __future__ import annotations

import html
import re
import time
from dataclasses import dataclass, field
from typing import Any

from ...backends.slurm.gate import log_lines
from ...backends.slurm.reasons import explain
from ...site.units import human_time
from ..servers.hub_state import Life


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


NETWORK = (
    "The node cannot reach the hub.",
    "Tell your administrators: from that node the hub's address does not answer.",
)
"""What happened, and what to do."""


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
    if re.search(r"unknown user|no passwd entry|you do not exist", text):
        what = "The directory of accounts does not know yours at the moment."
        return Card("directory", what, "Try again in a few minutes; running servers are not affected.", lines=lines)
    return Card(
        "gate",
        "The hub may not start servers for you.",
        "Tell your administrators.",
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


def card_of_the_unseen(job: int) -> Card:
    """Slurm took the job from the gate and does not show it to the hub, which cannot open what it cannot find."""
    return Card(
        "unseen",
        "Slurm took the job of your server, and does not show it to the hub.",
        "Tell your administrators: the hub's log says which right its account lacks.",
        {"job": str(job)},
    )


async def card_of_patience(life: Life, tag: str) -> Card:
    """A server that did not start within its tier's start_timeout."""
    row = life.ledger.row(tag)
    job = life.jobs.listed(row) if row else None
    if row and row.job and job is None and life.jobs.never_seen(row):
        return card_of_the_unseen(row.job)
    within = f"within {human_time(round(time.time() - row.intended))}" if row else "in time"
    if job is None or job.pending:
        why = f" {explain(job.reason).split(';')[0].rstrip('.')}." if job else ""  # what follows ; speaks of the future
        return Card(
            "patience", f"Slurm found no room for your server {within}.{why}", "Try again later, or with another tier."
        )
    lines = tuple(await log_lines(life.site, row.user, job.id)) if row else ()
    if any("sitekit: no answer of the hub" in line for line in lines):
        return Card("network", *NETWORK, {"job": str(job.id)}, lines)
    return Card("slow", f"The server did not answer {within}.", "Start again.", {"job": str(job.id)}, lines)
