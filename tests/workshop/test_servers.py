"""Servers on Docker and on systemd, from the form to the end: cells, limits, restarts and cards.

One participant has a server in a container, another one in a unit, for all tests of this file.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..faults.test_cards import card
from ..person import Kernel, KernelDied, Person
from ..slurm import until
from .conftest import Workshop
from .machine import PODMAN, docker, run, start_engine, stop_engine

ON = {"docker": "trainee1", "systemd": "trainee2"}
WHO = """
import json, os
status = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(json.dumps({"uid": os.getuid(), "groups": sorted(os.getgroups()), "home": os.path.expanduser("~"),
    "capabilities": status["CapEff"], "privileges": status["NoNewPrivs"], "homes": os.listdir("/home"),
    "secret": sorted(set(os.environ) & {"JUPYTERHUB_SITEKIT_TLS", "SITEKIT_SESSION", "SITEKIT_ENVIRONMENT"})}))
"""
EAT = "held = [bytearray(b'x' * 50 * 1024**2) for _ in range(40)]"
FIRST = """
import os
open(f"/proc/{os.getppid()}/oom_score_adj", "w").write("1000")
open("/proc/self/oom_score_adj", "w").write("0")
"""
"""Linux kills the server before the kernel; by default it is the other way round."""


def python_of(person: Person) -> str:
    return next(name for name in sorted(person.kernelspecs()) if name.startswith("python"))


def rows(workshop: Workshop) -> list[dict[str, Any]]:
    """The starts in the ledger that have not ended."""
    place = f"file:{workshop.site.ledger}?mode=ro"
    with closing(sqlite3.connect(place, timeout=60, uri=True)) as ledger:
        ledger.row_factory = sqlite3.Row
        found = ledger.execute("SELECT * FROM starts WHERE ended IS NULL").fetchall()
    return [dict(row) for row in found]


def units(workshop: Workshop, *more: str) -> list[str]:
    """The units of servers that systemd knows, also those that have failed."""
    words = ["systemctl", "list-units", "--all", "--plain", "--no-legend", *more]
    listed = run(*words, f"{workshop.site.job_name}-*")
    return [line.split()[0] for line in listed.splitlines()]


def containers(*words: str) -> list[str]:
    """The names of containers of the site that run; with `--all`, of all."""
    return docker("ps", *words, "--format", "{{.Names}}").split()


def process_of(user: str) -> int:
    """The process of a user's server, on this host."""
    uid = pwd.getpwnam(user).pw_uid
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and folder.stat().st_uid == uid:
                line = (folder / "cmdline").read_bytes().decode().split("\0")
                if "-I" in line[1:2] and line[0].rpartition("/")[2].startswith("python"):
                    return int(folder.name)
    raise AssertionError(f"{user} has no server")


@pytest.fixture(scope="module")
def people(workshop: Workshop) -> Iterator[dict[str, Person]]:
    """The participants, by the engine of their servers."""
    with ExitStack() as stack:
        found = {engine: stack.enter_context(workshop.person(name)) for engine, name in ON.items()}
        for person in found.values():
            person.login()
        with ThreadPoolExecutor() as pool:
            told = dict(
                zip(found, pool.map(lambda one: one[1].start(one[0]), found.items()), strict=True)
            )
        assert all(events[-1].get("ready") for events in told.values()), told
        yield found
        for person in found.values():
            if person.server() is not None:
                person.stop_and_wait()


def running(person: Person, engine: str) -> Person:
    """The person with a server; started if an earlier test has ended it."""
    if person.server() is None:
        told = person.start(engine)
        assert told[-1].get("ready"), told
        assert person.lab().status_code == 200, "a new server has cookies of its own"
    return person


def shown(person: Person, kind: str) -> dict[str, Any]:
    """The card of this kind, as soon as the server has ended."""

    def looked() -> dict[str, Any] | None:
        with suppress(httpx.HTTPError):
            person.http.get(f"/user/{person.name}/", follow_redirects=False)
        return card(person)

    told = until(looked, 240, 1)
    assert isinstance(told, dict) and told["kind"] == kind, told
    return told


@pytest.mark.parametrize("engine", ON)
def test_a_cell_runs_as_the_account(
    workshop: Workshop, people: dict[str, Person], engine: str
) -> None:
    person, account = people[engine], pwd.getpwnam(ON[engine])
    kernel = person.kernel(python_of(person))
    who = json.loads(kernel.run(WHO))
    groups = sorted(os.getgrouplist(account.pw_name, account.pw_gid))
    assert (who["uid"], who["home"], who["secret"]) == (account.pw_uid, account.pw_dir, [])
    assert (sorted({*who["groups"], account.pw_gid}), who["privileges"]) == (groups, "1")
    assert int(who["capabilities"], 16) == 0
    assert (who["homes"] == [account.pw_name]) == (engine == "docker"), "others' homes"
    kernel.run("open('mine', 'w').write('x')")
    assert Path(account.pw_dir, "mine").stat().st_uid == account.pw_uid
    kernel.close()


def test_r_runs_in_the_container(people: dict[str, Person]) -> None:
    kernel = people["docker"].kernel("ir")
    assert kernel.run("cat(R.version$language, Sys.info()[['user']], 6 * 7)") == "R trainee1 42"
    kernel.close()


def test_the_engine_has_the_limits_of_the_tier(workshop: Workshop) -> None:
    [name] = containers()
    words = ("{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.MemoryReservation}} "
             "{{.HostConfig.NanoCpus}} {{.HostConfig.Privileged}} {{len .HostConfig.CapDrop}}")  # fmt: skip
    cap, memory = 600 * 1024**2, 300 * 1024**2
    told = docker("inspect", "--format", words, name)
    dropped = 14 if PODMAN else 1  # Podman lists each, and Docker has a name for all
    assert told == f"{cap} {cap} {memory} 1000000000 false {dropped}"
    [unit] = units(workshop)
    names = "MemoryMax,CPUQuotaPerSecUSec,RuntimeMaxUSec,NoNewPrivileges,User"
    told = run("systemctl", "show", "--value", f"--property={names}", unit)
    assert sorted(told.split()) == sorted(f"{cap} 1s 2h yes trainee2".split())


@pytest.mark.parametrize("engine", ON)
def test_too_much_memory_ends_the_kernel_alone(people: dict[str, Person], engine: str) -> None:
    person = people[engine]
    kernel = person.kernel(python_of(person))
    with pytest.raises(KernelDied):
        kernel.run(EAT)
    kernel.close()
    notice = person.http.get(f"/user/{person.name}/sitekit/notice").json()
    assert notice["killed"] >= 1 and notice["time"] > 0, "the user is told"
    assert person.lab().status_code == 200


def test_servers_survive_hub_and_engine(workshop: Workshop, people: dict[str, Person]) -> None:
    """Both are restarted, at the same time too; kernels keep their variables."""
    before = (units(workshop), containers())
    kernels = {engine: one.kernel(python_of(one)) for engine, one in people.items()}
    for kernel in kernels.values():
        kernel.run("kept = 6 * 7")
        kernel.close()
    os.kill(workshop.pid("hub"), signal.SIGKILL)
    workshop.restart_engine()
    os.kill(workshop.pid("containers"), signal.SIGKILL)
    for engine, person in people.items():
        until(lambda one=person: answer(one) == 200, 240)
        again = Kernel(person, kernels[engine].id, person.server_path(""))
        assert again.run("print(kept)") == "42"
        again.close()
    assert (units(workshop), containers()) == before
    assert sorted(row["backend"] for row in rows(workshop)) == ["docker", "systemd"]


def answer(person: Person) -> int:
    """The status of the person's server, through front and proxy, once the hub answers too."""
    with suppress(httpx.HTTPError, ValueError):
        if (person.server() or {}).get("ready"):
            return person.lab().status_code
    return 0


def test_an_engine_that_does_not_answer_ends_no_server(
    workshop: Workshop, people: dict[str, Person]
) -> None:
    stop_engine()
    try:
        with workshop.person("trainee3") as other:
            other.login()
            assert other.choose("docker").status_code in (302, 503)
            told = shown(other, "outage")
            assert told["what"].startswith("Docker does not answer")
        assert answer(people["docker"]) == answer(people["systemd"]) == 200
    finally:
        start_engine(workshop.engine)
    until(lambda: answer(people["docker"]) == 200, 240)
    assert len(containers()) == 1


def test_a_missing_image_is_told(workshop: Workshop) -> None:
    before = containers("--all")
    with workshop.person("trainee3") as person:
        person.login()
        person.choose("gone")
        assert shown(person, "image-missing")["remedy"].startswith("Choose another image")
    assert set(containers("--all")) <= set(before)


@pytest.mark.parametrize("engine", ON)
def test_a_server_without_memory_gets_its_card(people: dict[str, Person], engine: str) -> None:
    person = running(people[engine], engine)
    run("systemctl", "daemon-reload")  # systemd 252 forgets ExecStopPost= of transient units
    kernel = person.kernel(python_of(person))
    kernel.begin(FIRST + EAT)
    told = shown(person, "memory")
    assert "600 MB" in told["what"] or "600" in told["what"]
    kernel.close()


@pytest.mark.parametrize("engine", ON)
def test_a_crash_gets_its_card(people: dict[str, Person], engine: str) -> None:
    person = running(people[engine], engine)
    run("systemctl", "daemon-reload")
    os.kill(process_of(person.name), signal.SIGKILL)
    told = shown(person, "crash")
    assert "signal 9" in told["what"] and told["lines"], "with the last lines of the log"


@pytest.mark.soak
def test_time_is_limited_without_the_hub(workshop: Workshop, people: dict[str, Person]) -> None:
    """The hub is down when the time of both servers is over; the next one tells why they ended."""

    def brief(engine: str) -> None:
        if people[engine].server() is not None:
            people[engine].stop_and_wait()
        told = people[engine].start(f"{engine}-brief")
        assert told[-1].get("ready"), told

    with ThreadPoolExecutor() as pool:
        list(pool.map(brief, people))
    run("systemctl", "stop", workshop.site.service("hub"))
    # a unit whose time is over stays known as failed, until the hub has asked how it ended
    alive = "--state=active,activating,deactivating"
    try:
        until(lambda: not units(workshop, alive) and not containers(), 300, 1)
    finally:
        run("systemctl", "start", workshop.site.service("hub"))
    until(lambda: all(reached(person) for person in people.values()), 240)
    for person in people.values():
        assert shown(person, "time")["figures"]["ran for"]


def reached(person: Person) -> bool:
    with suppress(httpx.HTTPError):
        return person.api("GET", f"/users/{person.name}").status_code == 200
    return False


@pytest.mark.soak
@pytest.mark.parametrize("engine", ON)
def test_a_start_during_which_the_hub_dies_leaves_nothing(
    workshop: Workshop, people: dict[str, Person], engine: str
) -> None:
    """The next hub ends the server, or has it as its own."""
    person = people[engine]
    assert person.choose(engine).status_code == 302
    until(lambda: rows(workshop), 120, 0.05)
    os.kill(workshop.pid("hub"), signal.SIGKILL)
    until(lambda: reached(person), 240)

    def settled() -> bool:
        there = len(units(workshop)) + len(containers())
        return answer(person) == 200 if rows(workshop) else there == 0

    until(settled, 300, 1)
