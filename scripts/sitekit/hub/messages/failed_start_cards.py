"""Build the failure cards of servers that did not start.

A card contains one sentence about what happened, some values such as memory and time, the last
lines of the log, and advice. The module ended_cards.py builds the cards of servers that had started
before they failed.
"""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from typing import Any

from ...backends.interface import Backend
from ...backends.start_and_job_records import Refused
from ...base.language import gettext as _
from ...base.language import later as N_
from ...site.types.memory_and_time import human_time
from ..servers.shared_objects import HubState
from .find_reason_in_log import lines_that_matter


@dataclass(frozen=True)
class Card:
    """A failure card: the message for a user about why a server failed.

    `figures` maps labels, such as "Memory", to values. `kind` is a short name for the reason, for
    metrics and tests. `larger` is the key of a tier that would have been large enough; "" if there
    is no such tier.
    """

    kind: str
    what: str
    remedy: str
    figures: dict[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    larger: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the card as a dictionary, which the ledger stores, and the REST API sends, as
        JSON."""
        return {
            "kind": self.kind,
            "what": self.what,
            "remedy": self.remedy,
            "figures": dict(self.figures),
            "lines": list(self.lines),
            "matter": lines_that_matter(self.lines),
            "larger": self.larger,
        }

    def as_html(self) -> str:
        """Return the card as HTML for the progress page, with all text escaped."""
        figures = ", ".join(
            f"{html.escape(label)} {html.escape(value)}" for label, value in self.figures.items()
        )
        log = html.escape("\n".join(lines_that_matter(self.lines)))
        lines = html.escape(_("Lines of the log"))
        return (
            f"<strong>{html.escape(self.what)}</strong> {html.escape(self.remedy)}"
            + (f"<br><small>{figures}</small>" if figures else "")
            + (f"<details><summary>{lines}</summary><pre>{log}</pre></details>" if log else "")
        )


NETWORK = (
    N_("The node cannot reach the hub."),
    N_("Tell your administrators: from that node the hub's address does not answer."),
)
"""The sentence and the remedy of the card for a server that cannot reach the hub."""


def card_of_refusal(backend: Backend, refusal: Refused) -> Card:
    """Return the card for a start that the backend refused."""
    lines = tuple(str(refusal).splitlines()[-8:])
    if refusal.kind == "home":
        text = str(refusal).lower()
        if "no space" in text or "quota" in text:
            return Card(
                "home",
                _("Your home directory is full."),
                _("Make room and start again."),
                lines=lines,
            )
        remedy = _("Ask your administrators to look at its permissions.")
        return Card("home", _("Your home directory cannot be written."), remedy, lines=lines)
    if refusal.kind == "tunnel":
        what = _("The hub's machine cannot open a tunnel for another server.")
        return Card("tunnel", what, _("Try again later, or tell your administrators."), lines=lines)
    if explanation := backend.explain_refusal(refusal):
        return Card(explanation.kind, explanation.what, explanation.remedy, lines=lines)
    return Card(
        "gate",
        _("The hub may not start servers for you."),
        _("Tell your administrators."),
        lines=lines,
    )


def card_of_outage(backend: Backend, text: str) -> Card:
    """Return the card for a start during which the backend did not answer."""
    return Card(
        "outage",
        _("{title} does not answer; running servers are not affected.", title=backend.queue.title),
        _("Try again in a few minutes. If the job was accepted nevertheless, the hub cancels it."),
        lines=tuple(text.splitlines()[-4:]),
    )


def card_of_hidden_job(backend: Backend, job: str) -> Card:
    """Return the card for a job that the backend accepted, but does not list to the hub.

    The hub does not get the address of such a job's node, and cannot connect to the server.
    """
    return Card(
        "unseen",
        _(
            "{title} has accepted the job of your server, but does not list it to the hub.",
            title=backend.title,
        ),
        _(
            "Tell your administrators: the hub's log contains the right that the hub's account needs."
        ),
        {"job": job},
    )


async def card_of_slow_start(hub_state: HubState, tag: str) -> Card:
    """Return the card for a server that did not start within its tier's start_timeout."""
    row = hub_state.ledger.row(tag)
    if row is None:
        return Card("slow", _("The server did not answer in time."), _("Start again."))
    backend, job = hub_state.backend_of(row), hub_state.job_of(row)
    within = human_time(round(time.time() - row.intended))
    if row.job and job is None and backend.is_hidden(row):
        return card_of_hidden_job(backend, row.job)
    if job is None or job.pending:
        what = _(
            "{title} had no free resources for your server within {time}.",
            title=backend.title,
            time=within,
        )
        if job:  # omit the text after a semicolon, which tells what will happen next
            what += f" {backend.explain_reason(job).split(';')[0].rstrip('.')}."
        return Card("patience", what, _("Try again later, or with another tier."))
    lines = tuple(await backend.log_tail(row, job.id))
    if any("sitekit: no answer of the hub" in line for line in lines):
        return Card("network", _(NETWORK[0]), _(NETWORK[1]), {"job": job.id}, lines)
    return Card(
        "slow",
        _("The server did not answer within {time}.", time=within),
        _("Start again."),
        {"job": job.id},
        lines,
    )
