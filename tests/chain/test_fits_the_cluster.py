"""A site held against the demo's real Slurm, sudo and host before anything changes: all faults at
once."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sitekit.base.errors import Problem
from sitekit.base.finding import Finding
from sitekit.machine.apply.machine_state import service_states
from sitekit.machine.checks import network, sudo, tiers_fit_cluster
from sitekit.machine.checks.run_checks import SiteChange, collect_findings
from sitekit.machine.host.platform import this_platform
from sitekit.site import Site
from sitekit.site.show import dump

from ..conftest import CHECKOUT, Demo
from ..slurm import ask


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine's Slurm may take longer than a site's administrator would wait."""
    monkeypatch.setattr(tiers_fit_cluster, "SLURM_TIMEOUT", 120.0)


def changed(site: Site, tier: dict[str, Any] | None = None, **sections: dict[str, Any]) -> Site:
    """The site with other keys in its first tier, or in its sections."""
    values = site.model_dump(mode="json")
    values["tiers"][0] |= tier or {}
    for name, keys in sections.items():
        values[name] |= keys
    return Site.model_validate(values)


def refused(found: list[Finding]) -> list[str]:
    return [f"{one.where}: {one.what}" for one in found if one.refuses]


def capped(site: Site) -> bool:
    """Whether this machine's control groups can be used, so that the demo's Slurm holds a job to a
    cap."""
    return "task/cgroup" in ask(site, "scontrol", "show", "config")


def test_the_demo_itself_has_nothing_against_it(demo: Demo) -> None:
    platform = this_platform()
    found = collect_findings(
        SiteChange(demo.site, platform, demo.site, service_states(demo.site, platform))
    )
    uncapped = "TaskPlugin has no task/cgroup: Slurm does not enforce the memory of jobs, and memory_cap has no effect"
    assert [one.what for one in found] == ([] if capped(demo.site) else [uncapped])


TIERS = {
    "tiers[0].partitions: Slurm has no partition nowhere": {"partitions": ["nowhere"]},
    "tiers[0].memory: tier 'small' asks for 100G, and the largest node of jupyter-short has": {
        "memory": "100G"
    },
    "tiers[0].cpus: tier 'small' asks for 64 CPUs, and the largest node of jupyter-short has": {
        "cpus": 64
    },
    "tiers[0].time: tier 'small' asks for 5:00:00, and jupyter-short allows 4:00:00": {
        "time": "5:00:00"
    },
    "tiers[0].gpu_type: tier 'small' asks for 1 GPU of type a100, and no node of": {
        "gpus": 1,
        "gpu_type": "a100",
    },
    "tiers[0].gpus: tier 'small' asks for 1 GPU, and no node of jupyter-short has": {"gpus": 1},
    "tiers[0].memory_cap: tier 'small' promises 6x, and AllowedRAMSpace of cgroup.conf allows 5x": {
        "memory_cap": "6x"
    },
    # What only sbatch itself knows.
    "tiers[0]: tier 'small' in jupyter-short: Invalid feature specification": {
        "constraint": "nothing-has-it"
    },
    "tiers[0]: tier 'small' in jupyter-short: Requested reservation is invalid": {
        "reservation": "nobody-made-it"
    },
    "tiers[0]: tier 'small' in jupyter-short: Invalid qos specification": {"qos": "nobody-made-it"},
}


@pytest.mark.parametrize("said", TIERS)
def test_a_tier_that_the_cluster_cannot_give_is_refused(said: str, demo: Demo) -> None:
    if "memory_cap" in TIERS[said] and not capped(demo.site):
        pytest.skip("this machine lets nobody write its cgroups, so that no cap can be enforced")
    told = refused(list(tiers_fit_cluster.check_tiers(changed(demo.site, TIERS[said]))))
    assert told and told[0].startswith(said), told


def test_where_slurm_is_not_it_is_refused_and_where_it_is_silent_that_is_told(
    demo: Demo, tmp_path: Path
) -> None:
    [told] = refused(
        list(tiers_fit_cluster.check_tiers(changed(demo.site, slurm={"bin": str(tmp_path)})))
    )
    assert told.startswith(f"slurm.bin: {tmp_path} has no sbatch, squeue")
    conf = tmp_path / "slurm.conf"
    [told] = refused(
        list(tiers_fit_cluster.check_tiers(changed(demo.site, slurm={"conf": str(conf)})))
    )
    assert told == f"slurm.conf: {conf} is not there"
    conf.write_text("")
    platform = this_platform()
    found = collect_findings(
        SiteChange(changed(demo.site, slurm={"conf": str(conf)}), platform, demo.site, {})
    )
    silent = [one.what for one in found if "Slurm could not be checked" in one.what]
    assert len(silent) == 1 and not [
        one for one in found if one.refuses and one.where.startswith("tiers")
    ]


@pytest.fixture
def squatter() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_an_address_of_another_host_and_a_port_of_another_program_are_refused(
    demo: Demo, squatter: int
) -> None:
    platform, states = this_platform(), service_states(demo.site, this_platform())
    site = changed(demo.site, hub={"address": "198.51.100.1"}, proxy={"port": squatter})
    told = refused(list(network.check_addresses_and_ports(site, demo.site, states, platform)))
    assert told[0].startswith(
        "hub.address: this host has no address 198.51.100.1 (Cannot assign requested address)"
    )
    assert told[1].startswith(
        f"proxy.port: {Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"
    )
    assert len(told) == 2, "the ports that the demo's own services hold are its own"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("@includedir /etc/sudoers.d\n", True),
        ("#includedir /etc/sudoers.d\n", True),
        ("@include sudoers.local\n", True),
        ("# @includedir /etc/sudoers.d\n", False),
        ("root ALL=(ALL) ALL\n", False),
    ],
)
def test_sudo_has_to_read_the_folder_of_the_rule(
    text: str, reads: bool, demo: Demo, tmp_path: Path
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/sudoers").write_text(text)
    (tmp_path / "etc/sudoers.local").write_text("@includedir sudoers.d\n")
    told = refused(list(sudo.check_sudo(demo.site, this_platform(), tmp_path)))
    assert bool(told) is not reads
    assert reads or told[0].startswith("/etc/sudoers: it does not include /etc/sudoers.d")


def test_a_rule_that_another_one_takes_back_is_found_by_sudos_own_word(demo: Demo) -> None:
    sudo.check_rule(demo.site)
    later = this_platform().sudoers / "zz-takes-it-back"
    later.write_text(f"{demo.site.hub.user} ALL=(ALL) !ALL\n")
    try:
        with pytest.raises(Problem, match="sudo does not let"):
            sudo.check_rule(demo.site)
    finally:
        later.unlink()


def test_all_of_it_is_told_at_once_and_nothing_changes(
    demo: Demo, squatter: int, tmp_path: Path
) -> None:
    site = changed(
        demo.site,
        {"partitions": ["nowhere"], "memory_cap": "6x"},
        hub={"address": "198.51.100.1", "port": 18281},
        proxy={"port": squatter, "api_port": 18282},
        front={"url": "https://localhost:8543"},
        login={"admin_groups": ["nobodys-group"]},
        paths={"state": "/var/lib/sitekit/second"},
    ).model_copy(update={"name": "second"})
    (tmp_path / "site.yml").write_text(dump(site))
    for command in ("diff", "apply"):
        done = subprocess.run(
            [CHECKOUT / "scripts/kit", command], env={**os.environ, "SITE": str(tmp_path / "site.yml")},
            capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 2, done.stdout + done.stderr
        caps = ("promises 6x",) if capped(demo.site) else ()
        for said in (
            "nobodys-group",
            "no partition nowhere",
            *caps,
            "198.51.100.1",
            f"port {squatter}",
        ):
            assert said in done.stderr, (command, said, done.stderr)
    assert not site.etc.exists()
