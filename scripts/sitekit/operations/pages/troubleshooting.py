"""Generate docs/troubleshooting.md. This page explains each card (a message to users), and lists
the subjects of the checks of `make doctor`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...site.yaml_files.yaml_file import read_yaml
from ..doctor.list_of_checks import SUBJECTS
from .card_texts import CardText, card_texts

_NOTES = Path(__file__).with_name("cards.yml")
_HEAD = """\
# Troubleshooting

This page is generated from the texts of the cards, from `scripts/sitekit/operations/pages/cards.yml`, and from
the table of `make doctor`. The first part explains the cards that users see. The second part lists the subjects
of `make doctor`, with links to the checks of each subject. In most cases, `sudo make doctor` names the cause of a
problem. Run `sudo make doctor` before you read on.

The section [Words](../README.md#words) of the README explains *gate*, *ledger*, *release* and *tier*.

A card is a text for a user whose server ended or did not start. On this page, `...` stands for a value, such as the
name of a node. Each heading below *Cards* is a kind of card. The kind is also in the hub's log, the ledger and the
REST API.

## Cards
"""
_CHECKS = """
## Checks

`make doctor` prints the id of the check with each finding. For each check, [the list of
checks](doctor.md#the-checks) contains what the check looks at, why this matters, and how to repair a fault:

| id begins with | subject | checks |
|---|---|---|
"""


def card_notes() -> dict[str, Any]:
    """Return the notes about each kind of card: kind -> notes with the keys why, administrator and
    checks."""
    return read_yaml(_NOTES).values


def page() -> str:
    """Return the text of docs/troubleshooting.md. Raises KeyError for a card without notes."""
    kinds: dict[str, list[CardText]] = {}
    for text in card_texts():
        kinds.setdefault(text.kind, []).append(text)
    notes = card_notes()
    cards = [line for kind, texts in kinds.items() for line in _card(kind, texts, notes[kind])]
    return _HEAD + "\n".join(cards) + "\n" + _CHECKS + "\n".join(_subjects()) + "\n"


def _card(kind: str, texts: list[CardText], note: dict[str, Any]) -> Iterator[str]:
    """Yield the lines about one kind of card."""
    yield f"\n### {kind}\n"
    yield "The user sees:\n"
    for text in texts:
        yield f"> {text.what} {text.remedy}\n"
    yield f"Why: {note['why']}\n"
    yield f"What the administrator does: {note['administrator']}\n"
    checks = ", ".join(f"`{name}`" for name in note["checks"])
    yield f"Checks of `make doctor`: {checks}"


def _subjects() -> Iterator[str]:
    """Yield a table row for each subject of `make doctor`, with a link to the subject's table of
    checks."""
    for subject in SUBJECTS:
        heads = sorted({check.id.partition(".")[0] for check in subject.checks})
        anchor = re.sub(r"[^\w\- ]", "", subject.title.lower()).replace(" ", "-")
        ids = ", ".join(f"`{head}.`" for head in heads)
        yield f"| {ids} | [{subject.title}](doctor.md#{anchor}) | {len(subject.checks)} |"
