"""Write the figures of `make bench` into docs/benchmarks.md, with charts in docs/charts.

`figures.json` beside this file has the last published figures of each row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import (
    allocation,
    class_of_forty,
    hub,
    kernels,
    queue,
    release,
    scale,
    shared_disk,
    spawn,
    ssh,
    startup,
)
from .charts import charts
from .common import CHECKOUT

FIGURES = Path(__file__).with_name("figures.json")
PAGE = CHECKOUT / "docs/benchmarks.md"
CHARTS = CHECKOUT / "docs/charts"
PUBLISHED = ("machine", "seconds", "rows", "notes")
ROWS = {
    "spawn": spawn,
    "class": class_of_forty,
    "allocation": allocation,
    "startup": startup,
    "shared-disk": shared_disk,
    "queue": queue,
    "scale": scale,
    "hub": hub,
    "kernels": kernels,
    "ssh": ssh,
    "release": release,
}
"""The modules of the rows, in the order of the page."""
HEAD = """# The figures of make bench

This page is for administrators and developers. `make bench` wrote this page. Each section is one row of `make bench`,
measured in one run on the demo (`sudo scripts/kit --python -m tests.bench ROW --publish`). The line *Measured* gives
the load average before the measurement. Compare the figures of one section with each other, and not with those of
another machine. [performance.md](performance.md) explains what the figures mean.
"""


def published() -> dict[str, Any]:
    """The last published figures: row -> what the row has written."""
    figures: dict[str, Any] = json.loads(FIGURES.read_text())
    return figures


def publish(measured: Mapping[str, Any]) -> None:
    """Replace the figures of the measured rows, and write the page and its charts again."""
    known = published()
    for row, told in measured.items():
        known[row] = {key: told[key] for key in PUBLISHED if key in told}
    FIGURES.write_text(json.dumps(known, indent=1) + "\n")
    write(known, PAGE, CHARTS)


def write(figures: Mapping[str, Any], page: Path, folder: Path) -> None:
    """Write the page and the charts; charts of former figures are removed."""
    for old in folder.glob("*.svg"):
        old.unlink()
    folder.mkdir(exist_ok=True)
    text = [HEAD]
    for row in (row for row in ROWS if row in figures):
        text += _section(row, figures[row])
        for name, _, svg in charts(row, figures[row]["rows"]):
            (folder / name).write_text(svg)
    page.write_text("\n".join(text))


def _section(row: str, told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the parts of one row's section."""
    machine = told["machine"]
    yield f"## {row}\n"
    yield f"{_what(row)}\n"
    when = f"Measured on {machine['at'][:10]} with {machine['cpus']} cores, load {machine['load']}"
    when += f", in windows of {told['seconds']:g} s" if "seconds" in told else ""
    yield f"{when}:\n"
    yield _table(told["rows"])
    yield "".join(f"- {note}\n" for note in told["notes"])
    for name, title, _ in charts(row, told["rows"]):
        yield f"{title}:\n\n![{title}](charts/{name})\n"


def _what(row: str) -> str:
    """How the row is measured: the text at the top of its file."""
    text = (ROWS[row].__doc__ or "").removeprefix(f"The row `{row}`: ").strip()
    return text[:1].upper() + text[1:]


def _table(rows: list[dict[str, Any]]) -> str:
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([_shown(row[head]) for head in heads] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
