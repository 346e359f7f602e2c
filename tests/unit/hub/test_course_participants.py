"""The instructor's page shows a server whose backend the site does not name any more."""

from __future__ import annotations

from pathlib import Path

from sitekit.base.data_files import data
from sitekit.hub.courses.servers_of_participants import participants
from sitekit.hub.servers.shared_objects import HubState
from sitekit.site import load_site
from sitekit.site.courses.course_files import read_course


def test_an_ended_server_of_a_backend_that_is_gone(tmp_path: Path) -> None:
    site = load_site(data("config/sites/demo.yml"))
    paths = site.paths.model_copy(update={"state": tmp_path})
    hub_state = HubState(site.model_copy(update={"paths": paths}))
    path = tmp_path / "bio101.yml"
    path.write_text(
        "title: Bio\nstarts: 2026-09-01\nends: 2026-09-01\ntier: small\nroster: {group: bio}\n"
    )
    choice = {"tier": "bio101", "course": "bio101"}
    tag = hub_state.ledger.record_intent("alice", "", None, choice, backend="docker")
    hub_state.ledger.end(tag)
    assert "docker" not in hub_state.backends
    [one] = participants(hub_state, read_course(path, site))
    assert (one.name, one.state, one.node) == ("alice", "ended", "")
