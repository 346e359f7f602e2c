"""How long a server may be idle: by its own tier, and not before the hub can know that its user
came back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from sitekit.backends.resource_choice import Choice
from sitekit.base.data_files import data
from sitekit.hub import culling
from sitekit.hub.culling import update_culling
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.servers.activity_interval_and_stop_delay import (
    activity_interval,
    session_environment,
    stop_delay,
)
from sitekit.site import Site, load_site

DEMO = load_site(data("config/sites/demo.yml"))
# a state folder that is on no machine: the culler looks into the ledger, and not into a real hub's
NOWHERE = DEMO.paths.model_copy(update={"state": Path("/nonexistent/sitekit")})
SITE = DEMO.model_copy(update={"paths": NOWHERE})


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The culler's clock, which a test moves on."""
    now = [1000.0]
    monkeypatch.setattr(culling.time, "monotonic", lambda: now[0])
    return now


def hook(site: Site = SITE) -> Callable[..., bool]:
    c = SimpleNamespace(IdleCuller=SimpleNamespace())
    culling.configure_culler(c, site)
    return c.IdleCuller.cull_arbiter_hook


def may_go(clock: list[float], tier: str, inactive: float | None, after: float = 10**6) -> bool:
    """Whether a server goes that has been idle for `inactive` seconds, `after` seconds after the
    culler's start."""
    asked = hook()
    clock[0] += after
    since = None if inactive is None else timedelta(seconds=inactive)
    return asked(inactive=since, server={"user_options": {"profile": tier}}, inactive_limit=0)


def test_each_tier_has_its_own_limit(clock: list[float]) -> None:
    for tier in SITE.tiers:
        if tier.idle is None:
            assert not may_go(clock, tier.key, 10**9)
        else:
            assert may_go(clock, tier.key, tier.idle + stop_delay(tier.idle))
            assert not may_go(clock, tier.key, tier.idle + stop_delay(tier.idle) - 1)
    assert {tier.idle is None for tier in SITE.tiers} == {True, False}


@pytest.mark.parametrize("options", [None, {}, {"profile": "gone"}, {"profile": None}])
def test_a_server_of_no_known_tier_is_kept(options: object, clock: list[float]) -> None:
    asked = hook()
    clock[0] += 10**6
    assert not asked(inactive=timedelta(days=99), server={"user_options": options})


def test_a_server_of_a_removed_course_has_the_limit_of_its_start(
    clock: list[float], tmp_path: Path
) -> None:
    paths = SITE.paths.model_copy(update={"state": tmp_path})
    site = SITE.model_copy(update={"paths": paths})
    asked, ledger = hook(site), Ledger(site.ledger)
    clock[0] += 10**6

    def goes(key: str, idle: float) -> bool:
        server = {"user_options": {"profile": key}}
        return asked(inactive=timedelta(seconds=idle), server=server)

    def start(user: str, **choice: object) -> str:
        return ledger.record_intent(user, "", None, {"tier": choice.get("course"), **choice})

    for key in ("bio101", "never", "old"):
        assert not goes(key, 10**9), "no server of the course is known"
    tag = start("alice", course="bio101", idle=3600)
    start("bob", course="bio101", idle=600)
    start("alice", course="never", idle=None)
    start("alice", course="old")  # of a sitekit that did not record the limit
    assert goes("bio101", 3600 + stop_delay(3600)) and not goes(
        "bio101", 3600 + stop_delay(3600) - 1
    )
    ledger.end(tag)
    assert goes("bio101", 600 + stop_delay(600))
    assert not goes("never", 10**9) and not goes("old", 10**9)


def test_after_a_hub_was_away_its_servers_are_heard_first(clock: list[float]) -> None:
    """An hour without a hub looks like an hour without activity."""
    limit = SITE.tier("large").idle
    assert limit is not None
    assert not may_go(clock, "large", 10**6, after=stop_delay(limit) - 1)
    assert may_go(clock, "large", 10**6, after=stop_delay(limit))


def test_a_server_that_never_told_its_activity_is_kept(clock: list[float]) -> None:
    assert not may_go(clock, "small", None)


@pytest.mark.parametrize("limit", [60, 600, 1800, 3600, 86400])
def test_the_hub_hears_of_activity_before_it_can_be_too_late(limit: int) -> None:
    """JupyterHub's single-user server waits up to 1.1 times the interval between two reports."""
    assert activity_interval(limit) * 1.1 < stop_delay(limit) <= max(limit / 2, 21)
    assert 10 <= activity_interval(limit) <= 300


def test_a_server_is_told_its_tiers_rules() -> None:
    large, long = SITE.tier("large"), SITE.tier("long")
    assert session_environment(large, Choice.of(large)) == {
        "JUPYTERHUB_SITEKIT_BUSY": "keep",
        "JUPYTERHUB_SITEKIT_IDLE": "1800",
        "JUPYTERHUB_SITEKIT_TIME": str(large.time),
        "JUPYTERHUB_ACTIVITY_INTERVAL": "150",
    }
    assert session_environment(long, Choice.of(long))["JUPYTERHUB_SITEKIT_IDLE"] == "never"
    assert (
        session_environment(large.model_copy(update={"busy": "stop"}), Choice.of(large))[
            "JUPYTERHUB_SITEKIT_BUSY"
        ]
        == "stop"
    )


def test_the_culler_has_four_scopes_and_runs_only_where_a_tier_has_a_limit() -> None:
    c = SimpleNamespace(JupyterHub=SimpleNamespace(services=[], load_roles=[]))
    update_culling(c, SITE)
    assert c.JupyterHub.load_roles[0]["scopes"] == [
        "list:users",
        "read:users:activity",
        "read:servers",
        "delete:servers",
    ]
    never = SITE.model_copy(
        update={"tiers": tuple(t.model_copy(update={"idle": None}) for t in SITE.tiers)}
    )
    c = SimpleNamespace(JupyterHub=SimpleNamespace(services=[], load_roles=[]))
    update_culling(c, never)
    assert c.JupyterHub.services == []
