"""What a child spawner takes from its parent, in the hub's Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_metrics import run_in_hub

pytestmark = pytest.mark.usefixtures("hub_environment")

DEMO = Path(__file__).parents[3] / "config/sites/demo.yml"


def test_a_child_has_its_parents_values_and_computes_none_before_its_use(tmp_path: Path) -> None:
    assert run_in_hub("child_traits.py", DEMO, tmp_path) == {
        "not yet computed": [False, False],
        "settings of the parent's class": [77, True],
        "other values": [],
        "same object": {"ALL": "1", "HOOK": "1"},
        "changes": [["another"], None],
        "after its end": ["another"],
        "the next child": [False, ["a third"]],
    }
