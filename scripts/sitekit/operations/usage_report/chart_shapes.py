"""Compute the shapes of the report's charts; the template draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, LEFT, TOP, BOTTOM, PLOT = 720, 64, 12, 44, 220
ROW = 36  # height of one row of a chart with horizontal bars
NAMES = 150  # width of the names beside horizontal bars
VALUE, UNIT = 70, 40  # width of a value to the right of a horizontal bar, and of its unit
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c00", "#555555")
"""Colors that colour-blind people can tell apart (Okabe and Ito)."""


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    color: str
    title: str
    outline: bool = False


@dataclass(frozen=True)
class Label:
    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Chart:
    """The shapes of one chart. `key` has the legend: name -> color."""

    title: str
    height: float
    bars: tuple[Bar, ...]
    labels: tuple[Label, ...]
    lines: tuple[float, ...] = ()  # the y coordinates of horizontal lines
    key: Mapping[str, str] | None = None


def color_of(number: int) -> str:
    return COLORS[number % len(COLORS)]


def stacked(
    title: str, unit: str, columns: Sequence[str], series: Mapping[str, Sequence[float]]
) -> Chart:
    """Return a chart with one vertical bar for each of the columns. Each bar is a stack of the
    values of the series."""
    top = _nice(max((sum(values) for values in zip(*series.values(), strict=True)), default=0))
    step = (WIDTH - LEFT) / max(1, len(columns))
    bars, heights = [], [0.0] * len(columns)
    for number, (name, values) in enumerate(series.items()):
        for at, value in enumerate(values):
            height = value / top * PLOT
            y = TOP + PLOT - heights[at] - height
            what = f"{columns[at]}, {name}: {_short(value)} {unit}"
            if value:
                bar = Bar(LEFT + (at + 0.15) * step, y, 0.7 * step, height, color_of(number), what)
                bars.append(bar)
            heights[at] += height
    every = max(1, math.ceil(len(columns) / 7))
    labels = [
        Label(LEFT + (at + 0.5) * step, TOP + PLOT + 18, name)
        for at, name in enumerate(columns)
        if at % every == 0
    ]
    ticks = [top * part / 4 for part in range(5)]
    lines = tuple(TOP + PLOT - tick / top * PLOT for tick in ticks)
    labels += [
        Label(LEFT - 8, line + 4, _short(tick), "end")
        for tick, line in zip(ticks, lines, strict=True)
    ]
    key = {name: color_of(number) for number, name in enumerate(series)}
    return Chart(f"{title} ({unit})", TOP + PLOT + BOTTOM, tuple(bars), tuple(labels), lines, key)


def rows(
    title: str, unit: str, names: Sequence[str], series: Mapping[str, Sequence[float | None]]
) -> Chart:
    """Return a chart with one row for each name. Each row has a horizontal bar for each of the
    series. To the right of the longest bar, the row has the values of all its bars as text."""
    top = _nice(max((value or 0 for values in series.values() for value in values), default=0))
    thick = (ROW - 8) / max(1, len(series))
    longest = WIDTH - NAMES - VALUE * len(series) - UNIT
    bars, labels = [], []
    for at, name in enumerate(names):
        y = TOP + at * ROW
        labels.append(Label(NAMES - 8, y + ROW / 2, name, "end"))
        own = [values[at] for values in series.values()]
        widths = [(value or 0) / top * longest for value in own]
        for number, (what, value) in enumerate(zip(series, own, strict=True)):
            place, tip = y + number * thick, f"{name}, {what}: {_shown(value, unit)}"
            bars.append(Bar(NAMES, place, widths[number], thick, color_of(number), tip))
        figures = " / ".join("?" if value is None else _short(value) for value in own[:-1])
        text = f"{figures} / {_shown(own[-1], unit)}" if figures else _shown(own[-1], unit)
        labels.append(Label(NAMES + max(widths) + 6, y + ROW / 2, text, "start"))
    key = {what: color_of(number) for number, what in enumerate(series)}
    return Chart(
        f"{title} ({unit})", TOP + len(names) * ROW + 8, tuple(bars), tuple(labels), (), key
    )


def _nice(value: float) -> float:
    """Return a round number that is not less than the value, for the end of an axis."""
    if value <= 0:
        return 1.0
    power: float = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value * 0.999999)


def _shown(value: float | None, unit: str) -> str:
    return "not recorded" if value is None else f"{_short(value)} {unit}"


def _short(value: float) -> str:
    """Return a number as text. Large numbers have fewer decimals, and no number has more than two."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
