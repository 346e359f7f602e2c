"""Write the figures of `make bench` into docs/performance.md.

`figures.json` beside this file has the last published figures of each row. In the page, the table
between `<!-- figures: ROW -->` and `<!-- end of figures -->` is made from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .common import CHECKOUT

FIGURES = Path(__file__).with_name("figures.json")
PAGE = CHECKOUT / "docs/performance.md"
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


def published() -> dict[str, Any]:
    """The last published figures: row -> what the row has written."""
    figures: dict[str, Any] = json.loads(FIGURES.read_text())
    return figures


def publish(measured: Mapping[str, Any]) -> None:
    """Replace the figures of the measured rows, and write the page again."""
    known = published()
    known |= {row: told for row, told in measured.items() if row in known}
    FIGURES.write_text(json.dumps(known, indent=1) + "\n")
    PAGE.write_text(page(PAGE.read_text(), known))


def page(text: str, figures: Mapping[str, Any]) -> str:
    """The text of the page with the tables of these figures."""
    return _BLOCK.sub(lambda found: found[1] + _table(figures[found[2]]) + found[3], text)


def _table(told: Mapping[str, Any]) -> str:
    """The figures of a row: when and where they were measured, a table, and what they mean."""
    machine, rows = told["machine"], told["rows"]
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([_shown(row[head]) for head in heads] for row in rows)]
    when = f"Measured on {machine['at'][:10]} with {machine['cpus']} cores, load {machine['load']}"
    when += f", in windows of {told['seconds']:g} s" if "seconds" in told else ""
    cells = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    notes = "".join(f"- {note}\n" for note in told["notes"])
    return f"\n{when}:\n\n{cells}\n{notes}\n"


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
