"""The list of deliberate differences, and what speaks against it: it has to be exact."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

LIST = Path(__file__).with_name("differences.yml")


def listed(*keys: str) -> dict[str, str]:
    """Test -> why it may fail, of one part of the list."""
    part = YAML(typ="safe").load(LIST)
    for key in keys:
        part = part.get(key, {})
    pairs = [(test, reason) for reason, tests in part.items() for test in tests]
    assert len(pairs) == len(dict(pairs)), "a test stands in the list twice"
    return dict(pairs)


def complaints(outcomes: Mapping[str, str], reasons: Mapping[str, str]) -> list[str]:
    """`outcomes`: "passed", or what became of the test instead. Empty when just the listed tests
    did not pass."""
    failed = {name: what for name, what in outcomes.items() if what != "passed"}
    said = [
        f"{name} is not listed, and did not pass: {what}"
        for name, what in failed.items()
        if name not in reasons
    ]
    said += [f"{name} is listed, and passed" for name in reasons if outcomes.get(name) == "passed"]
    return said + [f"{name} is listed, and did not run" for name in reasons if name not in outcomes]


def outcomes_of(report: Path) -> dict[str, str]:
    """What a report of pytest's in JUnit's form says of each test."""
    found: dict[str, str] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  (our own file)
        trouble = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
        what = (
            "passed"
            if trouble is None
            else f"{trouble.tag}: {(trouble.get('message') or '')[:300]}"
        )
        # a test that failed may have an error at its end, too
        if found.get(case.attrib["name"], "passed") == "passed":
            found[case.attrib["name"]] = what
    return found
