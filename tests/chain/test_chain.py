"""The whole chain, over HTTPS through Apache: login, tiers, a Slurm job, a module's kernel, the
memory cap, stop."""

from __future__ import annotations

import json

import pytest

from sitekit.site.types.memory_and_time import human_memory, human_time

from ..conftest import Demo
from ..person import KernelDied, Person
from ..slurm import ask, jobs, until

EAT = """
held = []
for _ in range({count}):
    held.append(bytearray(10 * 1024**2))
    held[-1][::4096] = b"x" * 2560
print("ate", len(held) * 10)
"""


def test_wrong_password_is_refused(demo: Demo) -> None:
    with demo.person("alice") as person:
        answer = person.login("not the password")
        assert answer.status_code == 403
        assert "Invalid username or password" in answer.text
        assert person.http.get("/hub/api/user").status_code == 403


def test_account_outside_the_group_is_refused(demo: Demo) -> None:
    """root has no business here, whatever its password."""
    with demo.person("alice") as person:
        person.name = "root"
        assert person.login().status_code == 403


def test_tiers_are_listed_with_their_figures(demo: Demo, alice: Person) -> None:
    page = alice.form()
    for tier in demo.site.tiers:
        assert f'value="{tier.key}"' in page and tier.title in page
        assert f"{human_memory(tier.cap)} of memory</strong>" in page
        assert human_time(tier.time) in page


def test_server_runs_as_its_user_in_a_slurm_job_of_the_first_partition(
    demo: Demo, alice: Person
) -> None:
    events = alice.start("small")
    assert events[-1].get("ready"), events
    [job] = jobs(demo.site, "alice")
    number, partition, state, node = job.split()
    assert (partition, state) == ("jupyter-short", "RUNNING")
    assert node in ("demo1", "demo2")
    assert alice.lab().status_code == 200

    kernel = alice.kernel(python_of(alice))
    told = json.loads(
        kernel.run(
            "import os, json, sys, getpass; print(json.dumps([getpass.getuser(), os.getuid(), sys.executable, "
            "os.environ['LOADEDMODULES'], os.environ.get('SITEKIT_JOB_ID')]))"
        )
    )
    assert told[0] == "alice"
    assert told[1] == int(ask(demo.site, "id", "-u", "alice"))
    assert told[2].startswith("/opt/sitekit/demo/software/python/")
    assert told[3].startswith("python/")
    assert told[4] == number
    kernel.close()

    alice.stop_and_wait()
    until(lambda: not jobs(demo.site, "alice"))
    assert alice.server() is None


def python_of(person: Person) -> str:
    """The name of the kernel of the distribution's Python module."""
    return next(
        name
        for name, spec in sorted(person.kernelspecs().items(), reverse=True)
        if "ython" in spec["spec"]["display_name"]
    )


def test_every_published_kernel_runs_in_its_own_module(demo: Demo, alice: Person) -> None:
    assert alice.start("large")[-1].get("ready")
    specs = alice.kernelspecs()
    languages = [spec["spec"]["language"].lower() for spec in specs.values()]
    assert languages.count("python") >= 2 and "r" in languages
    assert not [name for name in specs if "broken" in name], (
        "a kernel that cannot run was published"
    )
    for name, spec in specs.items():
        if name.startswith("loaded-"):
            continue  # what the user has loaded: tests/chain/test_session.py
        kernel = alice.kernel(name)
        if spec["spec"]["language"].lower() == "python":
            assert "/opt/sitekit/demo/software/" in kernel.run(
                "import sys; print(sys.executable)"
            ), name
        elif spec["spec"]["language"].lower() == "r":
            assert "r/" in kernel.run("cat(Sys.getenv('LOADEDMODULES'))"), name
        kernel.close()


def test_memory_above_the_request_is_given_and_above_the_cap_ends_the_kernel_only(
    demo: Demo, alice: Person
) -> None:
    """300 MB are requested, 1500 MB allowed (AllowedRAMSpace=500)."""
    if "task/cgroup" not in ask(demo.site, "scontrol", "show", "config"):
        pytest.skip("this machine lets nobody write its cgroups, so that no cap can be enforced")
    assert alice.start("small")[-1].get("ready")
    [before] = jobs(demo.site, "alice")
    kernel = alice.kernel(python_of(alice))
    assert kernel.run(EAT.format(count=70)).endswith("ate 700")
    with pytest.raises(KernelDied):
        kernel.run(EAT.format(count=200))
    assert jobs(demo.site, "alice") == [before]
    assert alice.server_api("GET", "status").status_code == 200
    another = alice.kernel(python_of(alice))
    assert another.run("print(6 * 7)") == "42"


def test_time_and_memory_reach_slurm(demo: Demo, alice: Person) -> None:
    assert alice.start("long")[-1].get("ready")
    [job] = jobs(demo.site, "alice")
    assert job.split()[1] == "jupyter-long"
    shown = ask(demo.site, "scontrol", "--oneliner", "show", "job", job.split()[0])
    assert "TimeLimit=5-00:00:00" in shown
    assert "mem=300M" in shown
    assert "Comment=sitekit:demo:" in shown
