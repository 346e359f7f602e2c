"""Draw the panels of a dashboard for Grafana as an HTML page, with the answers of a Prometheus.

Grafana is no package of Debian, PyPI or npm. The page has the titles, places, queries, legends and
units of the dashboard's file, but not Grafana's look.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx

from ..prometheus import variables

WIDTH, HEIGHT, LEFT, BOTTOM = 600, 200, 70, 24
COLORS = ("#1f78c1", "#e0752d", "#3f7e3a", "#ba43a9", "#a67700", "#bf1b00", "#0a50a1", "#6d1f62")
STYLE = """
body { font: 14px system-ui, sans-serif; margin: 16px; background: #f4f5f5; color: #24292e; }
main { display: grid; grid-template-columns: repeat(24, 1fr); gap: 8px; }
section { background: #fff; border: 1px solid #dcdcdc; padding: 8px; min-width: 0; }
h1 { font-size: 18px; } h2 { font-size: 14px; margin: 0 0 6px; }
p { margin: 4px 0; } .value { font-size: 28px; color: #3f7e3a; }
svg { width: 100%; } text { font-size: 14px; fill: #555; }
.key i { display: inline-block; width: 12px; height: 4px; margin: 0 4px 3px 10px; }
"""


class Series(NamedTuple):
    """One line of a panel: its name in the legend, and pairs of a time and a value."""

    name: str
    points: list[tuple[float, float]]


def page_of(board: dict[str, Any], api: httpx.Client, begin: float, end: float) -> str:
    """Return the page of a dashboard, with the values between two times."""
    panels = "\n".join(_panel(panel, api, begin, end) for panel in board["panels"])
    title = html.escape(board["title"])
    head = f"<!DOCTYPE html><html lang='en'><title>{title}</title><style>{STYLE}</style>"
    return f"{head}<h1>{title}</h1><main>{panels}</main></html>"


def _panel(panel: dict[str, Any], api: httpx.Client, begin: float, end: float) -> str:
    """Return one panel at its place."""
    place, unit = panel["gridPos"], panel["fieldConfig"]["defaults"].get("unit", "short")
    series = [one for target in panel["targets"] for one in _answers(target, api, begin, end)]
    mappings = panel["fieldConfig"]["defaults"].get("mappings", [])
    stat = panel["type"] == "stat"
    drawn = _values(series, unit, mappings) if stat else _lines(series, unit)
    title = html.escape(panel["title"])
    columns = f"{place['x'] + 1} / span {place['w']}"
    return f"<section style='grid-column: {columns}'><h2>{title}</h2>{drawn}</section>"


def _answers(
    target: dict[str, str], api: httpx.Client, begin: float, end: float
) -> Iterator[Series]:
    """Yield the series that a query returns."""
    asked = {"query": variables(target["expr"]), "start": begin, "end": end, "step": 1}
    answer = api.get("/query_range", params=asked).json()
    assert answer["status"] == "success", (target, answer)
    for one in answer["data"]["result"]:
        name = _legend(target["legendFormat"], one["metric"])
        values = [(float(at), float(value)) for at, value in one["values"] if value != "NaN"]
        if values:
            yield Series(name, values)


def _legend(form: str, labels: dict[str, str]) -> str:
    """Return the name of a series in the legend. `form` contains names of labels in braces."""
    return re.sub(r"{{(\w+)}}", lambda key: labels.get(key[1], ""), form).strip()


def _values(series: list[Series], unit: str, mappings: list[dict[str, Any]]) -> str:
    """Return the last value of each series. A mapping gives values above a limit a text."""
    lines = []
    for one in series:
        value = one.points[-1][1]
        texts = [
            mapping["options"]["result"]["text"]
            for mapping in mappings
            if value >= mapping["options"]["from"]
        ]
        text = texts[0] if texts else shown(value, unit)
        lines.append(f"<p>{html.escape(one.name)}<br><span class='value'>{text}</span></p>")
    return "".join(lines)


def _lines(series: list[Series], unit: str) -> str:
    """Return a chart with a line for each series, and its legend."""
    points = [point for one in series for point in one.points]
    if not points:
        return "<p>No data</p>"
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    top = 1.1 * (max(value for _, value in points) or 1.0)
    wide, high = WIDTH - LEFT - 10, HEIGHT - BOTTOM - 10

    def place(at: float, value: float) -> str:
        x = LEFT + (at - first) / max(1, last - first) * wide
        return f"{x:.1f},{10 + high - value / top * high:.1f}"

    drawn = []
    for part in (0, 0.5, 1):
        y = 10 + high - part * high
        drawn.append(f"<line x1='{LEFT}' x2='{WIDTH}' y1='{y}' y2='{y}' stroke='#ddd'/>")
        label = shown(part * top, unit)
        drawn.append(f"<text x='{LEFT - 6}' y='{y + 5}' text-anchor='end'>{label}</text>")
    key = []
    for number, one in enumerate(series):
        color = COLORS[number % len(COLORS)]
        line = " ".join(place(*point) for point in one.points)
        drawn.append(f"<polyline points='{line}' fill='none' stroke='{color}' stroke-width='2'/>")
        key.append(f"<i style='background: {color}'></i>{html.escape(one.name)}")
    box = f"0 0 {WIDTH} {HEIGHT}"
    return f"<svg viewBox='{box}'>{''.join(drawn)}</svg><p class='key'>{''.join(key)}</p>"


def shown(value: float, unit: str) -> str:
    """Return a value in a unit of Grafana."""
    if unit == "percentunit":
        return f"{100 * value:.0f} %"
    if unit == "bytes":
        return f"{value / 2**30:.1f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"
    if unit == "s" and value >= 2 * 86400:
        return f"{value / 86400:.0f} days"
    text = f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"
    return f"{text} s" if unit == "s" else text
