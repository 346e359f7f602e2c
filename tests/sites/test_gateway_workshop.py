"""config/sites/gateway-workshop.yml from login to cell: GitHub, one account for all, a folder for
each participant with a copy of the workshop's repository, a tunnel."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from ..chain.oauth import Visitor, environments, refusal, visiting
from ..chain.provider import Known
from ..chain.test_chain import python_of
from ..faults.machine import Machine
from ..person import Kernel
from ..slurm import ask, jobs, until
from ..unit.session.git_remote import remote
from .cluster import account, reservation
from .network import cut
from .outside import Outside, brought_up

HOMES = Path("/home/workshop/participants")
TEAM = "example-lab:workshop-2027"
PEOPLE = {
    "ann": Known({"login": "Ann", "email": None}, {TEAM}),
    "ben": Known({"login": "ben", "email": None}, {TEAM}),
    "boss": Known({"login": "instructor", "email": None}, {TEAM}),
    "odd": Known({"login": "-odd-", "email": None}, {TEAM}),
    "eve": Known({"login": "eve", "email": None}, {"example-lab"}),
    **{f"p{n}": Known({"login": f"p{n}", "email": None}, {TEAM}) for n in range(50)},
}
LOOK = "import os; print(os.getcwd(), sorted(os.listdir('.')), os.path.expanduser('~'))"


@pytest.fixture(scope="module")
def workshop(cluster: Machine, folder: Path) -> Iterator[Outside]:
    (folder / "remote").mkdir()
    with (
        remote(folder / "remote") as material,
        account(cluster.site, "workshop"),
        reservation(cluster.site, "workshop"),
        brought_up(
            "gateway-workshop",
            folder,
            server__repository__url=f"{material.base}/course.git",
            tiers__0__reservation="workshop",
        ) as site,
    ):
        (material.work / "first.ipynb").write_text("{}")
        material.publish("first")
        site.provider.people = PEOPLE
        for name in ("ann", "ben"):
            trust(HOMES / name, material.certificate)
        yield site


def trust(home: Path, certificate: Path) -> None:
    """Let git of a participant believe the certificate of the test's repository."""
    home.mkdir(parents=True)
    (home / ".gitconfig").write_text(f"[http]\n\tsslCAInfo = {certificate}\n")
    for place in (HOMES, home, home / ".gitconfig"):
        shutil.chown(place, "workshop", "workshop")


def started(visitor: Visitor, tier: str) -> None:
    assert visitor.come().status_code == 200
    told = visitor.start(tier)
    assert told[-1].get("ready"), told


def test_each_participant_has_a_folder_with_the_notebooks(workshop: Outside) -> None:
    site = workshop.site
    with visiting(site, "ann", "ann") as ann, visiting(site, "ben", "ben") as ben:
        for visitor in (ann, ben):
            started(visitor, "shared")
        opened = ann.http.get("/user/ann/")
        assert opened.status_code == 200 and opened.url.path == "/user/ann/lab/tree/course"
        homes = {one["JUPYTERHUB_USER"]: one["HOME"] for one in environments("workshop")}
        assert "GITHUB" not in repr(environments("workshop")), "no token of the provider"
        assert homes == {name: str(HOMES / name) for name in ("ann", "ben")}
        kernel = ann.kernel(python_of(ann))
        assert kernel.run(LOOK).startswith(f"{HOMES}/ann")
        kernel.run("open('course/first.ipynb', 'w').write('mine')")
        kernel.close()
        assert (HOMES / "ben/course/first.ipynb").read_text() == "{}"
        shape = {ask(site, "squeue", "--noheader", "--user=workshop", "--format=%a %v")}
        assert shape == {"workshop workshop\nworkshop workshop"}
        ann.stop_and_wait()
        started(ann, "shared")
        assert (HOMES / "ann/course/first.ipynb").read_text() == "mine"
        for visitor in (ann, ben):
            visitor.stop_and_wait()
        until(lambda: not jobs(site, "workshop"), 180)


def test_a_whole_node_and_the_instructor(workshop: Outside) -> None:
    site = workshop.site
    with visiting(site, "boss", "instructor") as boss:
        started(boss, "node")
        assert boss.admin and boss.http.get("/hub/admin").status_code == 200
        [job] = [line.split()[0] for line in jobs(site, "workshop")]
        assert "OverSubscribe=NO" in ask(site, "scontrol", "show", "job", job)
        boss.stop_and_wait()


@pytest.mark.parametrize(
    ("servers", "seconds"), [(2, 10), pytest.param(10, 60, marks=pytest.mark.soak)]
)
def test_servers_survive_while_the_link_is_cut(
    workshop: Outside, servers: int, seconds: float
) -> None:
    """Neither the hub's connection to the login node nor the tunnels of servers get a packet."""
    site = workshop.site
    with ExitStack() as stack:
        people = [stack.enter_context(visiting(site, f"p{n}")) for n in range(servers)]
        for person in people:
            started(person, "shared")
        before = sorted(jobs(site, "workshop"))
        kernels = [person.kernel(python_of(person)) for person in people]
        for kernel in kernels:
            kernel.run("kept = 6 * 7")
            kernel.close()
        with cut():
            time.sleep(seconds)
        for person, kernel in zip(people, kernels, strict=True):
            until(lambda person=person: person.lab().status_code == 200, 240)
            again = Kernel(person, kernel.id, person.server_path(""))
            assert again.run("print(kept)") == "42"
            again.close()
        assert sorted(jobs(site, "workshop")) == before
        for person in people:
            person.stop_and_wait()


def cpu_seconds() -> float:
    """The CPU time that all processes of this machine have used, but this one, which plays the
    browsers. A process that has ended is counted in its parent."""
    total = 0.0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid():
                total += sum(process.cpu_times()[:4])
    return total


def started_or_why(visitor: Visitor) -> str:
    """Start a server; return "" when it is ready, else what the page and the card say."""
    try:
        event = visitor.start("shared")[-1]
    except AssertionError as error:
        return f"{visitor.name}: {error}; {visitor.api('GET', '/sitekit/card').text[:500]}"
    return "" if event.get("ready") else f"{visitor.name}: {event}"


@pytest.mark.soak
@pytest.mark.parametrize("count", [10, 50])
def test_participants_start_at_once(workshop: Outside, count: int) -> None:
    """The time is printed beside the floor: the CPU seconds of all starts, on the cores that are
    there."""
    site = workshop.site
    with ExitStack() as stack, ThreadPoolExecutor(count) as pool:
        people = [stack.enter_context(visiting(site, f"p{n}")) for n in range(count)]
        for person in people:
            assert person.come().status_code == 200
        before, began = cpu_seconds(), time.monotonic()
        try:
            told = list(pool.map(started_or_why, people))
            took, floor = time.monotonic() - began, (cpu_seconds() - before) / (os.cpu_count() or 1)
            assert not any(told), [why for why in told if why]
            assert len(jobs(site, "workshop")) == count
        finally:
            list(pool.map(partial(Visitor.stop_and_wait, patience=300), people))
        print(
            f"{count} starts: {took:.0f} s, {took / floor:.2f} times the floor of {floor:.0f} s; "
            f"load {os.getloadavg()[0]:.0f}"
        )


@pytest.mark.parametrize(
    ("who", "why"),
    [("eve", "this user may not log in here"), ("odd", "cannot be a user's name here")],
)
def test_who_is_refused_is_told_why(workshop: Outside, who: str, why: str) -> None:
    assert why in refusal(workshop.site, who)
