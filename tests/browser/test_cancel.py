"""A start is cancelled with the button on its own page, also that of a named server."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from ..conftest import Demo
from ..person import Person
from ..slurm import jobs, partition_down, until
from .conftest import go_to, wait_for_scripts
from .test_first_hour import login


@pytest.mark.parametrize("name", ["", "second"])
def test_cancel_a_server_that_waits_for_room(
    page: Page, demo: Demo, bob: Person, name: str
) -> None:
    login(page, demo, "bob")
    try:
        with partition_down(demo.site, "jupyter-long"):
            go_to(page, f"/hub/spawn/bob/{name}".rstrip("/"))
            page.check("input[name=tier][value=long]")
            page.click("#spawn_form [type=submit]")
            page.wait_for_url("**/hub/spawn-pending/bob**", wait_until="commit")
            until(lambda: jobs(demo.site, "bob"))
            wait_for_scripts(page)
            page.click("#stop-server-btn")
            until(lambda: not jobs(demo.site, "bob"))
            until(lambda: bob.server(name) is None)
    finally:
        bob.stop_and_wait(name)
        if name:
            bob.api("DELETE", f"/users/bob/servers/{name}", {"remove": True})
