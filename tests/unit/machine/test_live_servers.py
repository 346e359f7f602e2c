"""A backend cannot be dropped from the site while servers run on it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
import release_parts as parts

from sitekit.backends.load_backends import backends_of
from sitekit.base.errors import Problem
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.servers.shared_objects import HubState
from sitekit.machine.checks.servers_on_removed_backends import check_removed_backends
from sitekit.site import Site
from sitekit.site.backend_names import BACKENDS


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site whose hub is this account, with tiers on Slurm alone."""
    site = parts.site_at(tmp_path, "conda-forge")
    (tmp_path / "state").mkdir()
    hub = site.hub.model_copy(update={"user": pwd.getpwuid(os.geteuid()).pw_name})
    paths = site.paths.model_copy(update={"state": tmp_path / "state"})
    return site.model_copy(update={"hub": hub, "paths": paths})


def start(ledger: Ledger, backend: str) -> str:
    """Record a server that may run, and return its tag."""
    return ledger.record_intent("alice", backend, "token", {}, backend=backend)


def test_an_apply_is_refused_while_servers_need_a_backend_that_no_tier_names(site: Site) -> None:
    assert list(check_removed_backends(site)) == [], "there is no ledger yet"
    ledger = Ledger(site.ledger)
    start(ledger, "slurm")
    assert list(check_removed_backends(site)) == []
    tag = start(ledger, "elsewhere")
    [finding] = check_removed_backends(site)
    assert finding.refuses and finding.where == "tiers"
    assert "one server runs on elsewhere" in finding.what
    ledger.end(tag)
    assert list(check_removed_backends(site)) == []


def test_the_hub_keeps_a_backend_as_long_as_a_server_runs_on_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BACKENDS, "elsewhere", BACKENDS["slurm"])
    assert set(HubState(site).backends) == {"slurm"}
    start(Ledger(site.ledger), "elsewhere")
    assert set(HubState(site).backends) == {"slurm", "elsewhere"}


def test_a_backend_that_this_version_does_not_have_is_refused_in_words(site: Site) -> None:
    with pytest.raises(Problem, match="servers run on unheard-of"):
        backends_of(site, lambda _: (), ["unheard-of"])
