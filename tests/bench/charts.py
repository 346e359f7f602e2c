"""Draw the charts of the published figures, as SVG files in docs/charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sitekit.base.templates import page_templates
from sitekit.operations.usage_report.chart_shapes import rows as bars


@dataclass(frozen=True)
class Drawn:
    """One chart of a row: which column names the bars, and which columns are drawn.

    `each` is the column whose values are drawn beside each other. `only` are the values that other
    columns must have.
    """

    title: str
    unit: str
    name: str
    columns: Sequence[str]
    each: str = ""
    only: tuple[tuple[str, str], ...] = ()


WAITING = (("state", "waiting"),)
CHARTS: Mapping[str, Sequence[Drawn]] = {
    "spawn": [Drawn("Time from the request until the server is ready", "s", "start", ["median", "to script"])],
    "allocation": [Drawn("Time from the submission until the job's first line runs", "s", "kind", ["median s"])],
    "startup": [Drawn("CPU time of a server until the server listens", "s", "start", ["CPU s, median", "p95"])],
    "shared-disk": [
        Drawn("Time until the server listens, with 1 ms for each file operation", "s", "start", ["seconds"]),
        Drawn("Operations on the shared filesystem for one start", "operations", "start", ["operations"]),
    ],
    "queue": [
        Drawn("Queries of Slurm for waiting servers", "a minute", "servers", ["queries"], "side", WAITING),
        Drawn("CPU time of the hub for waiting servers", "s a minute", "servers", ["CPU s"], "side", WAITING),
    ],
    "kernels": [Drawn("Time to make kernels of 100 modules", "s", "way", ["s"])],
    "ssh": [Drawn("Time of one request to Slurm", "ms", "request", ["here (ms)", "SSH (ms)"])],
    "scale": [Drawn("Memory of the process with the spawners of idle servers", "MiB", "servers", ["MiB"])],
    "hub": [
        Drawn("Time and CPU time until a hub is healthy", "s", "servers", ["healthy s", "healthy CPU s"]),
        Drawn("CPU time of the hub for one request of a page", "ms", "servers", ["home ms", "form ms", "waiting ms"]),
    ],
    "release": [Drawn("Time to install all packages of environment.yml", "s", "what", ["seconds"])],
}  # fmt: skip


def charts(row: str, figures: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the title and the SVG text of each chart of a row."""
    for number, drawn in enumerate(CHARTS.get(row, ()), 1):
        names, series = _series(drawn, figures)
        chart = bars(drawn.title, drawn.unit, names, series)
        svg = (
            page_templates("config/templates")
            .get_template("chart.svg.j2")
            .render(
                chart=chart,
                svg_namespace="http://www.w3.org/2000/svg",  # of an SVG file by itself
            )
        )
        yield f"{row}-{number}.svg", _title(drawn, list(series)), svg


def _series(
    drawn: Drawn, figures: Sequence[Mapping[str, Any]]
) -> tuple[list[str], dict[str, list[float | None]]]:
    """Return the names of the bars, and the values of each series."""
    own = [row for row in figures if all(row[key] == value for key, value in drawn.only)]
    names = list(dict.fromkeys(str(row[drawn.name]) for row in own))
    series: dict[str, list[float | None]] = {}
    for row in own:
        for column in drawn.columns:
            what = str(row[drawn.each]) if drawn.each else column
            values = series.setdefault(what, [None] * len(names))
            values[names.index(str(row[drawn.name]))] = row[column]
    return names, series


def _title(drawn: Drawn, series: Sequence[str]) -> str:
    """Return the title of a chart with its unit. If the chart has several series, add their names in the
    order of the bars, because the SVG file has no legend."""
    if len(series) == 1:
        return f"{drawn.title} ({drawn.unit})"
    return f"{drawn.title} ({drawn.unit}). Bars from top to bottom: {', '.join(series)}"
