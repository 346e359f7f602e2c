"""Metrics, alerts and dashboards: documented, tested, and made of metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.alerts import CASES, RULES, check_rules

TOP = Path(__file__).parents[2]
DASHBOARDS = sorted((TOP / "config/monitoring").glob("*.json"))
DOCS = (TOP / "docs/monitoring.md").read_text()
METRIC = r"\bsitekit_\w+"


def defined() -> set[str]:
    """The metrics that the hub defines."""
    source = (TOP / "scripts/sitekit/hub/status/metrics.py").read_text()
    return set(re.findall(f'"({METRIC})"', source))


def first_column() -> set[str]:
    """What the tables of the documentation describe."""
    return set(re.findall(r"^\| `(\w+)` \|", DOCS, re.MULTILINE))


def alerts() -> dict[str, str]:
    [group] = YAML(typ="safe").load(RULES)["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def queries() -> list[str]:
    """All queries of the dashboards."""
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    panels = [panel for board in boards for panel in board["panels"]]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def used(text: str) -> set[str]:
    """The metrics of sitekit in a query, by the names with which they are defined."""
    found = set(re.findall(METRIC, text))
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in found}


def test_each_metric_and_each_alert_is_documented_and_none_else() -> None:
    assert first_column() == defined() | alerts().keys()


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [
        one for test in YAML(typ="safe").load(CASES)["tests"] for one in test["alert_rule_test"]
    ]
    fires = {one["alertname"] for one in cases if one.get("exp_alerts")}
    silent = {one["alertname"] for one in cases if not one.get("exp_alerts")}
    assert fires == silent == alerts().keys()


def test_alerts_and_dashboards_use_metrics_that_exist() -> None:
    assert len(DASHBOARDS) == 2
    for text in [*alerts().values(), *queries()]:
        assert used(text) <= defined(), text
        assert used(text) or "jupyterhub_" in text or "up{" in text, text


def test_each_metric_is_on_a_dashboard() -> None:
    shown = set().union(*map(used, queries()))
    assert shown == defined()


def test_no_label_has_the_name_of_a_user() -> None:
    labels = re.findall(r"^\| `sitekit_\w+` \| ([^|]*)\|", DOCS, re.MULTILINE)
    assert len(labels) == len(defined())
    known = {"tier", "state", "phase", "kind", "backend", "certificate", ""}
    assert {name for text in labels for name in re.split(r", ", text.strip())} == known


def test_each_kind_of_card_has_a_counter_from_the_beginning() -> None:
    """Without it, increase() does not see the first failures of a kind."""
    source = "".join(
        path.read_text()
        for folder in ("hub/messages", "backends")
        for path in (TOP / "scripts/sitekit" / folder).rglob("*.py")
    )
    named = set(re.findall(r'(?:Card|Explanation)\(\s*"([a-z-]+)"', source))
    named |= set(re.findall(r'Cause\.\w+: \(\s*"([a-z-]+)"', source))
    named |= set(re.findall(r'^        r".*",\n        "([a-z-]+)",$', source, re.MULTILINE))
    metrics = (TOP / "scripts/sitekit/hub/status/metrics.py").read_text()
    listed = metrics[metrics.index("KINDS = (") : metrics.index("The kinds of cards")]
    assert len(named) > 30
    assert named - {"stopped", "idle"} <= set(re.findall(r'"([a-z-]+)"', listed))


if shutil.which("promtool"):  # tests/chain installs it

    @pytest.mark.timeout(300)
    def test_each_alert_fires_on_its_fault() -> None:
        check_rules()
