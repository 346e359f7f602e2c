"""Partitions that Slurm hides from the hub's account, which is no Operator: servers start, are
adopted, and stop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..attacks.gate import gate, good
from ..person import Person
from ..slurm import ask, jobs, until
from .agreement import settled
from .conftest import servers
from .machine import Machine


@pytest.fixture
def hidden(machine: Machine) -> Iterator[None]:
    """The partitions of all tiers are Hidden. In the demo they are always closed to the hub's
    account (AllowGroups)."""
    partitions = sorted({name for tier in machine.site.tiers for name in tier.partitions})
    for name in partitions:
        ask(machine.site, "scontrol", "update", f"PartitionName={name}", "Hidden=YES")
    yield
    for name in partitions:
        ask(machine.site, "scontrol", "update", f"PartitionName={name}", "Hidden=NO")


def test_the_hub_has_no_right_that_shows_it_hidden_partitions(
    machine: Machine, hidden: None
) -> None:
    """What the tests below are worth: without --all, its account sees nothing of these partitions."""
    hub = machine.site.hub.user
    assert ask(machine.site, "sacctmgr", "-nP", "show", "user", hub, "format=AdminLevel") in (
        "",
        "None",
    )
    assert "jupyter" not in ask(machine.site, "sinfo", "--noheader", user=hub)


def test_a_server_in_a_hidden_partition_starts_is_adopted_and_stops(
    machine: Machine, people: dict[str, Person], hidden: None
) -> None:
    bob = people["bob"]
    assert bob.start("small")[-1].get("ready")
    [job] = jobs(machine.site, "bob")
    told = until(lambda: (now := status(people["carol"]))["jobs"] and now)
    assert not told["unseen"], "the snapshot does not list the job: it was found by its number"
    machine.kill_hub()
    until(lambda: (servers(bob).get("") or {}).get("ready"), 240)
    assert bob.lab().status_code == 200
    assert jobs(machine.site, "bob") == [job]
    bob.stop_and_wait()
    until(lambda: not jobs(machine.site, "bob"))
    settled(machine, people)


def status(person: Person) -> dict:
    """What the hub says of its last look at the queue."""
    return person.api("GET", "/sitekit/status").json()


def test_the_gate_knows_when_a_job_would_start_in_a_hidden_partition(
    machine: Machine, hidden: None
) -> None:
    """From it come the choice among a tier's partitions, and the advice which tier would start
    sooner."""
    told = gate(machine.site, good(test=True, partitions="jupyter-overflow")).answer
    assert told["ok"] and told["start"] < 2**53


def test_who_waits_in_a_hidden_partition_reads_why(
    machine: Machine, people: dict[str, Person], hidden: None
) -> None:
    alice = people["alice"]
    with machine.partition("jupyter-long", "down"):
        assert alice.choose("long").status_code == 302
        waits = "waits in jupyter-long. The partition is stopped by the administrators."
        assert any(waits in event["message"] for event in _until_told(alice, waits))
        assert alice.stop().status_code in (202, 204)
        until(lambda: not jobs(machine.site, "alice"), 240)


def _until_told(person: Person, words: str) -> Iterator[dict]:
    """The events of the progress page up to the one that has these words."""
    for event in person.progress():
        yield event
        if words in event["message"]:
            return


def test_a_server_with_another_name_is_still_stopped(
    machine: Machine, people: dict[str, Person]
) -> None:
    """Its user may rename the job at any time: it is left out of every list of the site's jobs, and
    found by number."""
    bob = people["bob"]
    assert bob.start("small")[-1].get("ready")
    [job] = jobs(machine.site, "bob")
    number = job.split()[0]
    ask(
        machine.site,
        "scontrol",
        "update",
        f"JobId={number}",
        "JobName=mine",
        "Comment=mine",
        user="bob",
    )
    machine.kill_hub()
    until(lambda: (servers(bob).get("") or {}).get("ready"), 240)
    bob.stop_and_wait()
    until(lambda: not jobs(machine.site, "bob"), 240)
    settled(machine, people)
