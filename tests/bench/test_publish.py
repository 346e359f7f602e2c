"""The page of figures says what the last published measurement said."""

from __future__ import annotations

from . import publish


def test_the_page_has_the_published_figures() -> None:
    text = publish.PAGE.read_text()
    assert publish.page(text, publish.published()) == text
    for row in publish.published():
        assert f"<!-- figures: {row} -->" in text


def test_other_figures_give_another_table() -> None:
    told = {
        "machine": {"at": "2026-01-02 03:04:05", "cpus": 4, "load": 0.5},
        "seconds": 30.0,
        "rows": [{"servers": 1000, "CPU": 0.02}],
        "notes": ["CPU: part of one core."],
    }
    text = "a\n<!-- figures: hub -->\nold\n<!-- end of figures -->\nb\n"
    made = publish.page(text, {"hub": told})
    assert "| servers | CPU |\n| --- | --- |\n| 1,000 | 0.02 |\n" in made and "old" not in made
    assert "Measured on 2026-01-02 with 4 cores, load 0.5, in windows of 30 s:" in made
    assert publish.page(made, {"hub": told}) == made
