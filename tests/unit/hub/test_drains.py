"""Drained partitions and nodes, and orders to stop servers: what is offered, requested and kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from slurm_parts import job

from sitekit.backends.slurm import gate_client
from sitekit.backends.slurm.backend import SlurmBackend
from sitekit.backends.slurm.gate_client import request_of
from sitekit.backends.start_and_job_records import Refused, Work
from sitekit.base.errors import BadInput
from sitekit.hub.choices.check_choice import BadChoice, Eligibility, read_choice, tiers_for
from sitekit.hub.ledger import record_drains
from sitekit.hub.ledger.drained_places import Drains
from sitekit.hub.ledger.ledger import Ledger
from sitekit.site import Site, load_site

TRITON = Path(__file__).parents[3] / "config/sites/triton.yml"


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(TRITON)


def with_drains(**drained: dict[str, str]) -> Eligibility:
    return Eligibility(drains=Drains(**drained))


def test_a_tier_is_left_out_when_all_its_partitions_are_drained(site: Site) -> None:
    tier = next(tier for tier in site.tiers if len(tier.partitions) > 1)
    first, *others = tier.partitions
    choice, _ = read_choice(site, {"tier": tier.key}, with_drains(partitions={first: "reboot"}))
    assert choice.partitions == tuple(others) and choice.exclude == ""
    every = with_drains(partitions=dict.fromkeys(tier.partitions, "all are rebooted"))
    assert tier not in tiers_for(site, every)
    with pytest.raises(BadChoice, match="not offered now: all are rebooted"):
        read_choice(site, {"tier": tier.key}, every)


def test_drained_nodes_are_excluded_from_the_request(site: Site) -> None:
    key = site.tiers[0].key
    choice, _ = read_choice(site, {"tier": key}, with_drains(nodes={"n2": "a", "n1": "b"}))
    assert request_of(choice, "0" * 16, {})["exclude"] == "n1,n2"
    plain, _ = read_choice(site, {"tier": key})
    assert "exclude" not in request_of(plain, "0" * 16, {}), "a gate of an older sitekit"


def test_the_text_is_for_who_runs_there() -> None:
    drains = Drains({"short": "of the partition"}, {"n1": "of the node"})
    assert drains.text_for(job(host="n1", partition="short")) == "of the node"
    assert drains.text_for(job(host="n2", partition="short")) == "of the partition"
    assert drains.text_for(job(host="n2", partition="long")) == ""
    assert drains.text_for(job(host="", partition="short", state="PENDING")) == ""
    assert drains.text_for(None) == ""


def test_the_ledger_keeps_drains_and_who_made_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.drain("node", "n1", "old", "root")
    ledger.drain("node", "n1", "new", "root")
    ledger.drain("partition", "short", "why", "carol")
    assert Ledger(tmp_path / "ledger.sqlite").drains() == Drains({"short": "why"}, {"n1": "new"})
    monkeypatch.setattr(record_drains, "MOST", 2)
    with pytest.raises(BadInput, match="2 are drained"):
        ledger.drain("node", "n2", "more", "root")
    assert ledger.undrain("node", "n1", "root") and not ledger.undrain("node", "n1", "root")
    actions = [(one["action"], one["who"]) for one in ledger.unlogged_actions()]
    assert actions == [("drain", "root")] * 2 + [("drain", "carol"), ("undrain", "root")]


def test_an_order_to_stop_stays_until_it_was_carried_out(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    number = ledger.order_stop("alice", "the disk is full", "root")
    [order] = Ledger(tmp_path / "ledger.sqlite").open_stops()
    assert (order["user"], order["text"]) == ("alice", "the disk is full")
    assert ledger.stopped_by(number) is None
    ledger.stop_done(number, 2)
    assert ledger.open_stops() == [] and ledger.stopped_by(number) == 2
    assert [one["action"] for one in ledger.unlogged_actions()] == ["stop_servers"]


def test_an_order_is_about_the_servers_of_its_time_and_ends_after_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    tags = [ledger.record_intent(user, "", None, {}) for user in ("alice", "alice", "bob")]
    ledger.abandon(tags[0])
    number = ledger.order_stop("alice", "", "root")
    ledger.record_intent("alice", "", None, {})
    [order] = ledger.open_stops()
    assert [row.tag for row in ledger.to_stop(order)] == [tags[1]]
    now = order["at"]
    monkeypatch.setattr(record_drains.time, "time", lambda: now + 3601)
    assert ledger.open_stops() == [] and ledger.stopped_by(number) == 0


def test_an_order_can_be_withdrawn_until_it_was_carried_out(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    first, second = (ledger.order_stop("alice", "", "root") for _ in range(2))
    ledger.stop_done(second, 1)
    assert ledger.withdraw_stop(first) and not ledger.withdraw_stop(second)
    assert ledger.open_stops() == [] and ledger.stopped_by(second) == 1


@pytest.mark.parametrize(
    ("error", "tries"),
    [("sbatch: error: Batch job submission failed: Invalid node name specified", 2), ("no", 1)],
)
def test_a_drained_node_that_slurm_no_longer_has_keeps_no_start_away(
    site: Site, error: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []

    async def submit(_site: Site, account: str, request: dict[str, Any]) -> str:
        sent.append(dict(request))
        if "exclude" in request:
            raise Refused("sbatch", error)
        return "7"

    async def fits() -> None:
        pass

    slurm = SlurmBackend(site, lambda: [])
    monkeypatch.setattr(gate_client, "submit", submit)
    monkeypatch.setattr(slurm._release, "check", fits)
    choice, _ = read_choice(site, {"tier": site.tiers[0].key}, with_drains(nodes={"gone": "x"}))
    work = Work(tag="0" * 16, user="alice", account="alice", uid=1, job=None, intended=0.0)
    started = slurm.submit(work, choice, {}, [])
    if tries == 1:
        with pytest.raises(Refused, match="no"):
            asyncio.run(started)
    else:
        assert asyncio.run(started) == "7"
    assert [one.get("exclude") for one in sent] == ["gone", None][:tries]
