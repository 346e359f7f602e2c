"""Settings of a site's own that would be dropped are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitekit.hub.loops.unheard import refuse_unheard, unheard


def test_each_is_named_with_what_to_do(tmp_path: Path) -> None:
    config = {
        "Spawner": {"environment": {"A": "1"}, "args": [], "poll_interval": 30},
        "SlurmSpawner": {"req_prologue": "x"},
    }
    with pytest.raises(SystemExit) as refusal:
        refuse_unheard(config, tmp_path)
    told = str(refusal.value)
    assert (
        "c.Spawner.environment has no effect here: export the variables into config/templates/job.sh"
        in told
    )
    assert "c.SlurmSpawner.req_prologue" in told and str(tmp_path) in told
    assert "args" not in told and "poll_interval" not in told


def test_what_is_heard_is_left_alone(tmp_path: Path) -> None:
    config = {
        "Spawner": {"poll_interval": 10},
        "SlurmServer": {"state_exechost_re": "x"},
        "JupyterHub": {"cmd": "x"},
    }
    assert unheard(config) == []
    refuse_unheard(config, tmp_path)
