"""The page of figures has what the last published measurement had, in tables and charts."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from . import publish
from .charts import CHARTS


def test_the_page_has_the_published_figures(tmp_path: Path) -> None:
    publish.write(publish.published(), tmp_path / "page.md", tmp_path / "charts")
    assert (tmp_path / "page.md").read_text() == publish.PAGE.read_text()
    made = {path.name: path.read_text() for path in (tmp_path / "charts").iterdir()}
    assert made == {path.name: path.read_text() for path in publish.CHARTS.iterdir()}
    assert set(publish.published()) <= set(publish.ROWS) and set(CHARTS) <= set(publish.ROWS)


def test_other_figures_give_another_table_and_other_bars(tmp_path: Path) -> None:
    rows = [
        {"state": state, "servers": size, "side": side, "queries": count, "CPU s": 0.1}
        for state, size, side, count in (
            ("waiting", 10, "ours", 25.0),
            ("waiting", 10, "upstream", 250.0),
            ("waiting", 1000, "ours", 27.0),
            ("running", 1000, "ours", 2.0),
        )
    ]
    machine = {"at": "2026-01-02 03:04:05", "cpus": 4, "load": 0.5}
    told = {"machine": machine, "seconds": 30.0, "rows": rows, "notes": ["Queries: <all>."]}
    publish.write({"queue": told}, tmp_path / "page.md", tmp_path / "charts")
    page = (tmp_path / "page.md").read_text()
    assert "| state | servers | side | queries | CPU s |\n" in page
    assert "| waiting | 1,000 | ours | 27.0 | 0.1 |\n" in page and "- Queries: <all>.\n" in page
    assert "Measured on 2026-01-02 with 4 cores, load 0.5, in windows of 30 s:" in page
    assert "Bars from top to bottom: ours, upstream:" in page and "(charts/queue-1.svg)" in page
    drawn = ElementTree.parse(tmp_path / "charts" / "queue-1.svg").getroot()  # noqa: S314 (ours)
    tips = [title.text for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert "10, upstream: 250 a minute" in tips and "1000, ours: 27 a minute" in tips
    assert "1000, upstream: not recorded" in tips and len(tips) == 4
