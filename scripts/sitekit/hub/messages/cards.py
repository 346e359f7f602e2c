"""Failure cards: what happened to a server in one sentence, the figures, the last lines of the log,
and what to do.

Here are those of servers that did not start; ended.py has those of servers that ran."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from typing import Any

from ...backends.interface import Backend, Refused
from ...site.units import human_time
from ..servers.hub_state import Life


@dataclass(frozen=True)
class Card:
    """One failure, told to its user. `figures` are label and value; `kind` is a word for metrics
    and tests."""

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
        figures = ", ".join(
            f"{html.escape(label)} {html.escape(value)}" for label, value in self.figures.items()
        )
        log = html.escape("\n".join(self.lines[-20:]))
        return (
            f"<strong>{html.escape(self.what)}</strong> {html.escape(self.remedy)}"
            + (f"<br><small>{figures}</small>" if figures else "")
            + (
                f"<details><summary>Last lines of the log</summary><pre>{log}</pre></details>"
                if log
                else ""
            )
        )


NETWORK = (
    "The node cannot reach the hub.",
    "Tell your administrators: from that node the hub's address does not answer.",
)
"""What happened, and what to do."""


def card_of_refusal(backend: Backend, refusal: Refused) -> Card:
    """What the backend said when it refused to start a server."""
    lines = tuple(str(refusal).splitlines()[-8:])
    if refusal.kind == "home":
        text = str(refusal).lower()
        if "no space" in text or "quota" in text:
            return Card(
                "home", "Your home directory is full.", "Make room and start again.", lines=lines
            )
        remedy = "Ask your administrators to look at its permissions."
        return Card("home", "Your home directory cannot be written.", remedy, lines=lines)
    if told := backend.explain_refusal(refusal):
        return Card(told.kind, told.what, told.remedy, lines=lines)
    return Card(
        "gate", "The hub may not start servers for you.", "Tell your administrators.", lines=lines
    )


def card_of_outage(text: str) -> Card:
    """The scheduler did not answer when a server was to start."""
    return Card(
        "outage",
        "The scheduler does not answer; running servers are not affected.",
        "Try again in a few minutes. Should the job have been accepted all the same, it is cancelled.",
        lines=tuple(text.splitlines()[-4:]),
    )


def card_of_the_unseen(backend: Backend, job: str) -> Card:
    """The backend took the job, and does not show it to the hub, which cannot open what it cannot
    find."""
    return Card(
        "unseen",
        f"{backend.title} took the job of your server, and does not show it to the hub.",
        "Tell your administrators: the hub's log says which right its account lacks.",
        {"job": job},
    )


async def card_of_patience(life: Life, tag: str) -> Card:
    """A server that did not start within its tier's start_timeout."""
    row = life.ledger.row(tag)
    if row is None:
        return Card("slow", "The server did not answer in time.", "Start again.")
    backend, job = life.backend_of(row), life.job_of(row)
    within = f"within {human_time(round(time.time() - row.intended))}"
    if row.job and job is None and backend.is_hidden(row):
        return card_of_the_unseen(backend, row.job)
    if job is None or job.pending:
        what = f"{backend.title} found no room for your server {within}."
        if job:  # what follows a semicolon speaks of the future
            what += f" {backend.explain_reason(job).split(';')[0].rstrip('.')}."
        return Card("patience", what, "Try again later, or with another tier.")
    lines = tuple(await backend.log_tail(row, job.id))
    if any("sitekit: no answer of the hub" in line for line in lines):
        return Card("network", *NETWORK, {"job": job.id}, lines)
    return Card(
        "slow", f"The server did not answer {within}.", "Start again.", {"job": job.id}, lines
    )
