"""Refuse settings of JupyterHub and batchspawner that have no effect in a hub of sitekit.

A setting without effect in the site's own configuration is reported before the hub starts, together
with the setting to use instead. An administrator would not notice a setting that is ignored without
a message.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLASSES = (
    "Spawner", "BatchSpawnerBase", "BatchSpawnerRegexStates", "UserEnvMixin", "SlurmSpawner", "SlurmServer",
    "WrapSpawner", "ProfilesSpawner", "TierSpawner",
)  # fmt: skip
JOB = "write it into config/templates/job.sh, above its last two lines, and run make apply"
TIERS = "set it in `tiers` of site.yml"
GATE = "only the gate runs Slurm's programs for users; see scripts/gate"
INSTEAD = {
    "environment": JOB.replace("write it", "export the variables"),
    "env_keep": JOB.replace("write it", "export the variables"),
    "cmd": "users' servers are started by config/templates/job.sh",
    "args": "write the options of Jupyter Server into etc/jupyter of the release, or /etc/jupyter on the nodes",
    "notebook_dir": "see `server.root` in site.yml",
    "default_url": "see `server.interfaces` in site.yml",
    "profiles": TIERS,
    "batch_script": JOB,
    "req_prologue": JOB,
    "req_epilogue": JOB,
    "req_options": TIERS,
    "req_keepvars": JOB,
    "req_keepvars_extra": JOB,
    "exec_prefix": GATE,
    "batch_submit_cmd": GATE,
    "batch_query_cmd": GATE,
    "batch_cancel_cmd": GATE,
    **dict.fromkeys(
        ("req_partition", "req_queue", "req_memory", "req_nprocs", "req_ngpus", "req_runtime", "req_account", "req_qos",
         "req_reservation", "req_gres", "req_cluster", "mem_limit", "cpu_limit", "mem_guarantee", "cpu_guarantee"),
        TIERS,
    ),
}  # fmt: skip
"""Maps each setting without effect to the setting that the site must use instead."""


def settings_without_effect(config: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each setting that has no effect."""
    return [
        f"c.{name}.{key} has no effect here: {instead}"
        for name in CLASSES
        if name in config
        for key, instead in INSTEAD.items()
        if key in config[name] and config[name][key]
    ]


def refuse_settings_without_effect(config: Mapping[str, Mapping[str, Any]], folder: Path) -> None:
    """Exit with a message if a setting in `config` has no effect.

    Settings without effect can only come from files in `folder`.
    """
    if found := settings_without_effect(config):
        sys.exit("\n".join([f"{folder}: remove these settings:", *found]))
