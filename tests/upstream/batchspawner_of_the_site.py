"""A plugin for pytest, in the release's Python: batchspawner's own tests find our SlurmServer in
SlurmSpawner's place.

Environment: SITEKIT_SITE, the site file; SITEKIT_STATE, a folder for the ledger.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import batchspawner
import pytest

from sitekit.hub.servers.shared_objects import HubState
from sitekit.hub.spawner.accept_batchspawner_settings import SlurmServer
from sitekit.site import load_site

site = load_site(Path(os.environ["SITEKIT_SITE"]))
SlurmServer.hub_state = HubState(
    site.model_copy(
        update={"paths": site.paths.model_copy(update={"state": Path(os.environ["SITEKIT_STATE"])})}
    )
)
batchspawner.SlurmSpawner = SlurmServer


@pytest.fixture
async def event_loop() -> asyncio.AbstractEventLoop:
    """pytest-asyncio has taken its own away (1.0)."""
    return asyncio.get_running_loop()
