"""Settings in the site's own configuration that have no effect are reported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sitekit.hub.settings_without_effect import (
    INSTEAD,
    refuse_settings_without_effect,
    settings_without_effect,
)
from sitekit.site.settings import Server


def test_each_is_named_with_what_to_do(tmp_path: Path) -> None:
    config = {
        "Spawner": {"environment": {"A": "1"}, "args": [], "poll_interval": 30},
        "SlurmSpawner": {"req_prologue": "x"},
    }
    with pytest.raises(SystemExit) as refusal:
        refuse_settings_without_effect(config, tmp_path)
    told = str(refusal.value)
    assert (
        "c.Spawner.environment has no effect here: export the variables into config/templates/job.sh"
        in told
    )
    assert "c.SlurmSpawner.req_prologue" in told and str(tmp_path) in told
    assert "args" not in told and "poll_interval" not in told


def test_settings_with_an_effect_are_accepted(tmp_path: Path) -> None:
    config = {
        "Spawner": {"poll_interval": 10},
        "SlurmServer": {"state_exechost_re": "x"},
        "JupyterHub": {"cmd": "x"},
    }
    assert settings_without_effect(config) == []
    refuse_settings_without_effect(config, tmp_path)


def test_the_keys_that_are_named_exist() -> None:
    named = re.findall(r"`server\.(\w+)`", "\n".join(INSTEAD.values()))
    assert named and set(named) <= set(Server.model_fields)
