"""The demo of Debian 12 and 13 under their own kernels, which have cgroup v2 with all controllers.

Each has its own Slurm and systemd, in an emulated computer. Files, release and kernels are made
before, outside of it. What meets the cgroups is done in there: the part of `make demo` that tries
them and brings Slurm up, servers, what happens at the cap, and a reboot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..chain.test_chain import EAT, python_of
from ..faults.test_cards import card, eat
from ..front.conftest import demo
from ..packages import install
from ..person import Kernel, KernelDied, Person
from ..slurm import until
from ..systemd.booted import network_of
from .conftest import INSIDE, Debian
from .emulated import Emulated, emulated

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]

SLOW = 900  # seconds that a question to a machine so slow may take
CONF = "/etc/sitekit/demo/slurm/slurm.conf"
BRING_UP = """
from sitekit.demo.cluster import paths_and_ports, record_changes as made, bring_up as whole
print(whole.start_cluster(paths_and_ports.demo_site("systemd"), made.Made()).cgroup)
"""
OTHERS = [f"sitekit-demo-{part}" for part in ("proxy", "hub", "front")]
JOB = r"""#!/bin/sh
task=/sys/fs/cgroup$(sed s/^0::// /proc/self/cgroup)
while [ "$(cat "${task%/task_0}/memory.high")" != max ]; do sleep 1; done
echo "cap $(cat "${task%/task_0}/memory.max")"
perl -e '$held = "x" x 90_000_000'; echo "below it $?"
perl -e '$held = "x" x 400_000_000'; echo "above it $?"
grep '^oom_kill ' "$task/memory.events"
"""
PROGRAMS = Path(__file__).parent / "programs"
GROUPS, UNIT = PROGRAMS / "groups.py", PROGRAMS / "unit_of_a_server.py"


class Site:
    """The demo in the emulated computer."""

    def __init__(self, machine: Emulated, passwords: dict[str, str]) -> None:
        self.machine, self.passwords, self.site = machine, passwords, demo()

    def slurm(self, *words: object, stdin: str = "", check: bool = True) -> str:
        return self.machine.run(
            "env", f"SLURM_CONF={CONF}", *words, stdin=stdin, check=check
        ).stdout.strip()

    def wait_for_login(self) -> None:
        login = [
            "curl",
            "-sk",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            f"{self.site.front.url}/hub/login",
        ]
        until(lambda: self.machine.run(*login, check=False).stdout == "200", SLOW, 5)

    def person(self, name: str) -> Person:
        person = Person(name, self.passwords[name], self.site.front.url)
        person.http.timeout = SLOW
        return person

    def kernel(self, person: Person) -> Kernel:
        return person.kernel(python_of(person), patience=SLOW)


@pytest.fixture(scope="module", params=["debian12", "debian13"])
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    install("qemu-system-x86", "openssh-client", "e2fsprogs")
    debian: Debian = request.getfixturevalue(request.param)
    try:
        debian.make("demo")
        debian.make("demo_stop")
        told = (debian.machine.root / "var/lib/sitekit/demo-cluster/passwords.json").read_text()
        folder = tmp_path_factory.mktemp("emulated")
        with emulated(folder, debian.machine, debian.kernel) as machine, network_of(machine.pid):
            yield Site(machine, json.loads(told))
    finally:
        debian.make("demo_reset")


@pytest.fixture(scope="module")
def cluster(made: Site) -> Site:
    """The demo's first look at these control groups: its Slurm takes them, and a job runs."""
    kit = f"cd / && PYTHONPATH={INSIDE}/scripts {INSIDE}/.kit/bin/python -c '{BRING_UP}'"
    said = made.machine.run(kit, timeout=3600)
    assert "v2" in said.stdout.splitlines(), said.stdout + said.stderr
    return made


@pytest.fixture(scope="module")
def up(cluster: Site) -> Site:
    cluster.machine.run("systemctl", "enable", "--now", *OTHERS, timeout=SLOW)
    cluster.wait_for_login()
    return cluster


@pytest.fixture
def alice(up: Site) -> Iterator[Person]:
    with up.person("alice") as alice:
        assert alice.login().url.path != "/hub/login"
        assert alice.start("small")[-1].get("ready")
        yield alice
        if alice.server() is not None:
            alice.stop_and_wait(patience=SLOW)


def test_slurm_constrains_by_cgroup_v2(cluster: Site) -> None:
    assert (
        "memory" in cluster.machine.run("cat", "/sys/fs/cgroup/cgroup.controllers").stdout.split()
    )
    assert (
        "CgroupPlugin=cgroup/v2"
        in cluster.machine.run("cat", "/etc/sitekit/demo/slurm/cgroup.conf").stdout
    )
    assert cluster.machine.run("cat", "/proc/1/comm").stdout == "systemd\n"
    assert "task/cgroup" in cluster.slurm("scontrol", "show", "config")


def test_a_job_gets_more_than_it_asked_for_and_no_more_than_its_cap(cluster: Site) -> None:
    """50 MB are requested, 250 MB allowed. Without scripts/lift-memory-high the first program would
    stand still."""
    job = ("--partition=batch", "--mem=50M", "--time=30", "--output=/root/told")
    cluster.slurm("sbatch", "--wait", *job, stdin=JOB, check=False)
    told = cluster.machine.run("cat", "/root/told").stdout.splitlines()
    assert [line for line in told if "Killed" not in line and "error" not in line] == [
        "cap 262144000", "below it 0", "above it 137", "oom_kill 1",
    ]  # fmt: skip
    assert "OUT_OF_MEMORY" in cluster.slurm("sacct", "--noheader", "--format=State%20").split(), (
        "what the card goes by"
    )


def test_a_unit_of_systemd_has_the_limits_of_its_tier(cluster: Site) -> None:
    """For servers on this host: above the cap one program ends alone, and when the server is killed
    later, the counter of its group says why."""
    told = json.loads(
        cluster.machine.run("python3", "-I", "-B", "-", stdin=UNIT.read_text(), timeout=SLOW).stdout
    )
    assert [line for line in told["lines"] if "Killed" not in line] == [
        "memory.max 262144000", "memory.low 52428800", "memory.swap.max 0", "memory.oom.group 0",
        "pids.max 4096", "cpu.max 100000 100000", "below it 0", "above it 137", "oom_kill 1",
    ]  # fmt: skip
    end = told["end"]
    assert (end["oom"], end["signal"], end["account"]) == (True, 9, "alice"), end
    assert 200 <= end["peak"] <= 250, "MiB"


def test_above_the_cap_the_kernel_ends_alone_and_both_are_told(up: Site, alice: Person) -> None:
    """300 MB are requested, 1500 MB allowed (AllowedRAMSpace=500)."""
    kernel = up.kernel(alice)
    groups = json.loads(kernel.run(GROUPS.read_text()))
    cap = str(1500 << 20)
    assert cap in [most for most, _ in groups.values()], groups
    assert "1" not in [whole for _, whole in groups.values()], (
        "the kernel of the machine would end the server too"
    )
    before = notice(alice)
    assert before["killed"] == 0, before
    assert kernel.run(EAT.format(count=70)).endswith("ate 700")
    with pytest.raises(KernelDied):
        kernel.run(EAT.format(count=200))
    assert notice(alice)["killed"] == 1, "the card in the lab counts these"
    assert up.kernel(alice).run("print(6 * 7)") == "42"
    alice.stop_and_wait(patience=SLOW)


def notice(person: Person) -> dict:
    answer = person.http.get(f"/user/{person.name}/sitekit/notice")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_server_without_memory_is_told_by_a_card(up: Site, alice: Person) -> None:
    kernel = up.kernel(alice)
    # the kernel of the machine shall choose the server itself, not the child that eats
    for score, which in ((0, ""), (1000, "-f session.server")):
        up.machine.run(
            f"for pid in $(pgrep -u alice {which}); do echo {score} >/proc/$pid/oom_score_adj; done"
        )
    eat(kernel)
    told = until(lambda: card(alice), SLOW, 2)
    assert told["kind"] == "memory" and re.search(r"1500 MB|1\.5 GB", told["what"]), told


def test_after_a_reboot_all_of_it_comes_up_by_itself(up: Site) -> None:
    up.machine.reboot()
    up.wait_for_login()
    with up.person("bob") as bob:
        assert bob.login().url.path != "/hub/login"
        assert bob.start("small")[-1].get("ready")
        assert up.kernel(bob).run("print(6 * 7)") == "42"
        bob.stop_and_wait(patience=SLOW)


def test_nothing_of_slurms_is_left(up: Site) -> None:
    """Its scopes with what holds them go with the demo."""
    assert up.machine.run("pgrep", "-c", "slurmstepd", check=False).stdout != "0\n"
    up.machine.run(f"make -C {INSIDE} demo_reset", timeout=3600)
    left = up.machine.run("find", "/sys/fs/cgroup", "-name", "'*slurm*'").stdout
    assert left == "" and up.machine.run("pgrep", "-l", "slurm", check=False).stdout == ""
