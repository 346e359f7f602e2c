"""Refusals in words: for models of any shape, not only the Site's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from sitekit.base.errors import BadInputs, Unfit, Unfits, shown
from sitekit.site.yaml_files.validate_yaml import validate
from sitekit.site.yaml_files.yaml_file import read_yaml


def _even(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd; write an even number")
    return number


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    low: int = 1
    high: Annotated[int, Field(le=9)] = 2
    even: Annotated[int, AfterValidator(_even)] = 0
    on: bool = False
    word: Annotated[str, Field(min_length=1, max_length=5)] = "a"

    @model_validator(mode="after")
    def _ordered(self) -> Part:
        faults = []
        if self.low > self.high:
            faults.append(Unfit("low is above high", "lower it", "low"))
        if self.high == self.even:
            faults.append(Unfit("high and even are the same", "change one", "even"))
        if faults:
            raise Unfits(faults)
        return self


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    parts: dict[str, Part] = {}
    rows: list[Part] = []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rows:\n  - low: 3\n", "2: rows[0].low: low is above high\n    -> lower it"),
        ("rows:\n  - high: 10\n", "2: rows[0].high: 10 is too large\n    -> use at most 9"),
        ("rows:\n  - even: 3\n", "2: rows[0].even: 3 is odd\n    -> write an even number"),
        (
            "rows:\n  - on: maybe\n",
            "2: rows[0].on: 'maybe' is neither true nor false\n    -> write true or false",
        ),
        (
            "rows:\n  - word: ''\n",
            "2: rows[0].word: the text is empty\n    -> write it like `word: a`",
        ),
        (
            "rows:\n  - word: abcdef\n",
            "2: rows[0].word: the text is longer than 5 characters\n    -> shorten it",
        ),
        (
            "rows:\n  - 5\n",
            "2: rows[0]: 5 is not a mapping, but this key needs keys with values\n"
            "    -> each entry needs: low, high, even, on, word",
        ),
        (
            "rows: {low: 1}\n",
            "1: rows: a section is not a list, but this key needs a list\n    -> begin each entry with '- '",
        ),
        (
            "rows:\n  - lwo: 3\n",
            "2: rows[0].lwo: there is no key 'lwo' here\n    -> did you mean 'low'?",
        ),
        ("parts:\n  one:\n    low: x\n", "3: parts.one.low: 'x' is not a whole number\n    -> "),
        ("parts:\n  one:\n    low: 3\n", "3: parts.one.low: low is above high\n    -> lower it"),
        (
            "parts: 5\n",
            "1: parts: 5 is not a mapping, but this key needs keys with values\n    -> write below 'parts': ",
        ),
    ],
)
def test_a_refusal_names_line_key_fault_and_remedy(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "whole.yml"
    path.write_text(text)
    with pytest.raises(BadInputs) as refused:
        validate(Whole, read_yaml(path))
    assert str(refused.value).startswith(f"{path}:{told}")


def test_faults_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "whole.yml"
    path.write_text("rows:\n  - low: 5\n    even: 2\n  - high: x\n  - on: 7\nnew: 1\n")
    with pytest.raises(BadInputs) as refused:
        validate(Whole, read_yaml(path))
    lines = [int(problem.where.split(":")[1]) for problem in refused.value.problems]
    assert lines == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        ("word", "'word'"),
        ("a\x1b[31m\nb", r"'a\x1b[31m\nb'"),
        ("x" * 100, "'" + "x" * 56 + "...'"),
        ([1], "a list"),
        ({}, "a section"),
    ],
)
def test_a_value_is_quoted_short_and_harmless(value: object, text: str) -> None:
    assert shown(value) == text
