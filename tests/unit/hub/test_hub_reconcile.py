"""Which servers the reconciler leaves to JupyterHub, in the hub's Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import kernel_site
import pytest

pytestmark = pytest.mark.usefixtures("hub_environment")

# A server's own word that it ends takes its route away, and to JupyterHub it is being stopped:
# culler and administrator would wait for it until the end of its job's time.
HELD = """
import json, sys, time
sys.path.insert(0, {scripts!r})
from types import SimpleNamespace
from sitekit.hub.spawner import reconcile

def held(tag, ending_since):
    return SimpleNamespace(child_spawner=SimpleNamespace(tag=tag, ending_since=ending_since))

now = time.monotonic()
late = now - reconcile.ENDING_TIMEOUT - 1
servers = [held("runs", 0.0), held("ends", now - 10), held("says so", late), held("", 0.0)]
reconcile.spawners = lambda: [*servers, SimpleNamespace(child_spawner=None)]
print(json.dumps(reconcile.tags_of_loaded_servers()))
"""


def test_a_server_that_says_that_it_ends_and_does_not_is_ended() -> None:
    program = HELD.format(scripts=str(Path(__file__).parents[3] / "scripts"))
    argv = [kernel_site.release() / "bin/python", "-c", program]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["runs", "ends"]
