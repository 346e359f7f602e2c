"""docs/security.md says of each line which test shows it: all of these are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")


@pytest.mark.parametrize("page", ["docs/security.md", "SECURITY.md"])
def test_every_test_that_is_named_is_there(page: str):
    text = (TOP / page).read_text()
    for file, name in NAMED.findall(text):
        there = (TOP / file).read_text()
        assert not name or re.search(rf"^(async )?def {name}\(", there, re.MULTILINE), (
            f"{file}::{name}"
        )
    assert "@@" not in text
