"""What a user chooses: own figures in bounds, a named server, an address that fills in the form,
the last choice."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import CHECKOUT, Demo
from ..person import Person
from ..slurm import ask, jobs, until
from .test_chain import python_of


def chosen(page: str) -> str:
    """The tier that the form has chosen beforehand."""
    found = re.search(r'name="tier" value="([a-z]+)" required checked', page)
    assert found, page[:2000]
    return found[1]


def spawn(person: Person, options: object) -> int:
    return person.api("POST", f"/users/{person.name}/server", options).status_code


def test_figures_of_ones_own_reach_slurm_and_are_remembered(demo: Demo, alice: Person) -> None:
    # a page waits two seconds for Slurm's answer, which the hub then keeps for five minutes
    accounts = re.compile(r'<option value="(\w+)"')
    until(lambda: {"research", "teaching"} <= set(accounts.findall(alice.form())))
    assert spawn(
        alice,
        {"tier": "own", "memory": "700M", "cpus": 2, "time": "0:30:00", "account": "teaching"},
    ) in (
        201,
        202,
    )
    assert list(alice.progress())[-1].get("ready")
    [job] = jobs(demo.site, "alice")
    shown = ask(demo.site, "scontrol", "--oneliner", "show", "job", job.split()[0])
    for word in ("Account=teaching", "TimeLimit=00:30:00", "mem=700M", "NumCPUs=2"):
        assert word in shown
    alice.stop_and_wait()
    page = html.unescape(alice.form())
    assert chosen(page) == "own"
    assert 'name="own.memory" value="700 MB"' in page


@pytest.mark.parametrize(
    "options",
    [
        {"tier": "own", "memory": "5G"},
        {"tier": "own", "cpus": 5},
        {"tier": "own", "time": "4:00:01"},
        {"tier": "own", "account": "physics"},
        {"tier": "small", "memory": "300M"},
        {"tier": "own", "partition": "batch"},
        {"tier": "nope"},
    ],
    ids=str,
)
def test_what_is_not_offered_is_refused_and_nothing_is_submitted(
    demo: Demo, bob: Person, options: dict[str, object]
) -> None:
    assert spawn(bob, options) == 400
    assert bob.server() is None
    assert not jobs(demo.site, "bob")


def test_a_slip_in_the_form_is_told_and_keeps_what_was_typed(demo: Demo, alice: Person) -> None:
    """And the last choice that was good."""
    assert spawn(alice, {"tier": "own", "memory": "600M"}) in (201, 202)
    assert list(alice.progress())[-1].get("ready")
    alice.stop_and_wait()
    answer = alice.submit(
        {"tier": "own", "own.memory": "99 GB", "own.cpus": "3", "own.time": "0:20:00"}
    )
    page = html.unescape(answer.text)
    assert answer.status_code == 400 and "SpawnException" not in page
    assert (
        '<a class="alert-link" href="#own.memory">Memory: \'99 GB\' is not within 200 MB to 4 GB'
        in page
    )
    assert 'aria-invalid="true"' in page
    assert chosen(page) == "own"
    for field, value in (("memory", "99 GB"), ("cpus", "3"), ("time", "0:20:00")):
        assert f'name="own.{field}" value="{value}"' in page
    page = html.unescape(alice.form())
    assert chosen(page) == "own" and 'name="own.memory" value="600 MB"' in page


def test_an_address_fills_in_the_form_and_starts_nothing(demo: Demo, bob: Person) -> None:
    assert chosen(bob.form("?tier=long")) == "long"
    assert chosen(bob.form("?opt-tier=large")) in {tier.key for tier in demo.site.tiers}
    page = html.unescape(bob.form("?tier=own&memory=2G&time=<b>&next=/hub/home"))
    assert chosen(page) == "own" and 'name="own.memory" value="2 GB"' not in page
    assert 'name="own.memory" value="2G"' in page and "Time: '<b>' is not within" in page
    assert bob.server() is None
    assert not jobs(demo.site, "bob")


def test_a_job_goes_to_the_overflow_partition_only_while_the_first_one_is_full(
    demo: Demo, alice: Person
) -> None:
    fill = (
        "sbatch",
        "--parsable",
        "--partition=jupyter-short",
        "--nodes=2",
        "--mem=0",
        "--time=10",
        "--output=/dev/null",
    )
    full = ask(demo.site, *fill, "--chdir=/", "--wrap=sleep 600", user="bob")
    try:
        until(lambda: any(f"{full} jupyter-short RUNNING" in job for job in jobs(demo.site, "bob")))
        assert alice.start("small")[-1].get("ready")
        [job] = jobs(demo.site, "alice")
        assert "jupyter-overflow RUNNING" in job
        alice.stop_and_wait()
    finally:
        ask(demo.site, "scancel", full)
    # also not COMPLETING: until a job has ended, its nodes start no other one
    until(lambda: not ask(demo.site, "squeue", "--noheader", "--user=bob"))
    assert alice.start("small")[-1].get("ready")
    [job] = jobs(demo.site, "alice")
    assert "jupyter-short RUNNING" in job


def test_a_server_with_a_name_stands_beside_the_ordinary_one(demo: Demo, alice: Person) -> None:
    assert alice.start("small")[-1].get("ready")
    assert alice.api("POST", "/users/alice/servers/second", {"tier": "small"}).status_code in (
        201,
        202,
    )
    try:
        assert list(alice.progress("second"))[-1].get("ready")
        assert len(jobs(demo.site, "alice")) == 2
        kernel = alice.kernel(python_of(alice), "second")
        assert kernel.run("print(6 * 7)") == "42"
        kernel.close()
    finally:
        alice.stop_and_wait("second")
    until(lambda: len(jobs(demo.site, "alice")) == 1)
    assert alice.lab().status_code == 200


UNSEEN = Path(__file__).parent / "programs" / "unseen.py"


def unseen(account: str, *inside: str) -> str:
    """What an owner of the prefix cannot see who is about to remove a release. The kit's Python may
    be root's alone."""
    argv = [*inside, sys.executable, UNSEEN, account]
    environment = {"PYTHONPATH": str(CHECKOUT / "scripts"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        argv, env=environment, check=True, capture_output=True, text=True, timeout=300
    ).stdout


@pytest.mark.soak
def test_hidden_jobs_are_told_and_servers_are_kept_and_placed(
    demo: Demo, alice: Person, bob: Person
) -> None:
    """PrivateData=jobs hides users' jobs from an account that is no Operator: what squeue does not
    list is not gone."""
    conf = demo.site.slurm.conf
    before = conf.read_text()
    assert alice.start("small")[-1].get("ready")
    try:
        conf.write_text(before + "PrivateData=jobs\n")
        ask(demo.site, "scontrol", "reconfigure")
        # JupyterHub polls each server every 30 s; two rounds and the kept view of PrivateData lie
        # within this bound
        with demo.person("carol") as admin:
            admin.login()
            until(
                lambda: "Operator" in admin.api("GET", "/sitekit/status").json()["hidden"], 120, 2
            )
        assert alice.server()["ready"]
        assert alice.server_api("GET", "status").status_code == 200
        assert "PrivateData=jobs in slurm.conf hides users' jobs from bob" in unseen("bob")
        assert unseen("root") == "{}\n"
        assert bob.start("small")[-1].get("ready")
        bob.stop_and_wait()
        assert bob.start("small")[-1].get("ready")
        ask(demo.site, "scancel", jobs(demo.site, "bob")[0].split()[0])
        until(lambda: bob.server() is None, 240)
        assert bob.api("GET", "/sitekit/card").json()["kind"] == "cancelled"
    finally:
        conf.write_text(before)
        ask(demo.site, "scontrol", "reconfigure")
    assert alice.server()["ready"]


def test_hidden_processes_are_told(demo: Demo) -> None:
    hidden = (
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t proc -o hidepid=2 proc /proc && exec "$@"',
        "sh",
    )
    assert "hides other people's processes from bob" in unseen("bob", *hidden)
    assert unseen("bob") == unseen("root", *hidden) == "{}\n"
