"""The right card for each way in which a server can end or fail to start, on every page where its
user may look."""

from __future__ import annotations

import html
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from sitekit.contracts.internal_tls import hub_url
from sitekit.demo.cluster.cluster_daemons import node_state

from ..chain.test_chain import python_of
from ..person import KernelDied, Person
from ..processes import culler_token
from ..shared_locks import RELEASE, alone
from ..slurm import ask, jobs, until
from .agreement import patiently, settled
from .machine import Machine, changed

POOL = Path(__file__).parent / "programs" / "pool.py"
EAT = "held = [bytearray(b'x' * 50 * 1024**2) for _ in range(200)]"


def card(person: Person, name: str = "") -> dict[str, Any] | None:
    """The person's last card by REST."""
    answer = patiently(lambda: person.api("GET", f"/sitekit/card?server={name}"))
    return answer.json() if answer.status_code == 200 else None


def shown(person: Person, kind: str, name: str = "", look: bool = True) -> dict[str, Any]:
    """Wait for a card of this kind; see that the form shows it too. A later start takes it away.

    With `look`, the person opens the server's page meanwhile, so that the hub queries Slurm at once.
    """

    def looked() -> dict[str, Any] | None:
        if look:
            page = f"/user/{person.name}/{name}".rstrip("/") + "/"
            with suppress(httpx.HTTPError):
                person.http.get(page, follow_redirects=False)
        return card(person, name)

    told = until(looked, 200, 1)
    assert told["kind"] == kind, told
    form = html.unescape(person.form(f"/{person.name}/{name}" if name else ""))
    assert f'data-kind="{kind}"' in form and told["what"] in form and told["remedy"] in form
    return told


def refused(person: Person, tier: str, kind: str) -> dict[str, Any]:
    """Ask for a server that cannot start: the failing start says why, and so does the card."""
    answer = person.choose(tier)
    if answer.status_code == 302:  # it takes a moment; whoever waits reads the progress page
        said = list(person.progress())[-1]
        assert said.get("failed"), said
        page = said["html_message"]
    else:
        assert answer.status_code == 503
        page = answer.text
    told = shown(person, kind)
    assert told["what"] in html.unescape(re.sub(r"<[^>]+>", "", page)), page
    return told


# --- servers that end ------------------------------------------------------------------------------------------


def test_scancel_memory_and_time(machine: Machine, people: dict[str, Person]) -> None:
    """Three servers that end at once, each for a reason of its own."""
    site, alice, bob, carol = machine.site, people["alice"], people["bob"], people["carol"]
    started = {name: running(machine, person) for name, person in people.items()}
    ask(site, "scancel", str(started["alice"]))
    ask(site, "scontrol", "update", f"JobId={started['carol']}", "TimeLimit=1")
    if "task/cgroup" in ask(site, "scontrol", "show", "config"):
        kernel = bob.kernel(python_of(bob))
        # the kernel of the machine shall choose the server itself, not the child that eats
        server = psutil.Process(machine.process_of(started["bob"]))
        Path(f"/proc/{server.pid}/oom_score_adj").write_text("1000")
        for child in server.children(recursive=True):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                Path(f"/proc/{child.pid}/oom_score_adj").write_text("0")
        eating = threading.Thread(target=eat, args=(kernel,))
        eating.start()
        told = shown(bob, "memory")
        assert "1500 MB" in told["what"] or "1.5 GB" in told["what"], told
        eating.join()
    cancelled = shown(alice, "cancelled", look=False)
    assert cancelled["figures"]["job"] == str(started["alice"])
    assert cancelled["figures"]["tier"] == site.tier("small").title
    assert cancelled["lines"], "the last lines of the log are missing"
    assert not [line for line in cancelled["lines"] if " 200 GET " in line]
    assert "by yourself" not in cancelled["what"], "it was root"
    until(lambda: not jobs(site, "carol"), 300, 1)
    shown(carol, "time")
    settled(machine, people)
    assert 'data-kind="cancelled"' in alice.http.get("/hub/home").text
    assert alice.api("DELETE", "/sitekit/card").status_code == 204
    assert card(alice) is None


def running(machine: Machine, person: Person) -> int:
    assert person.start("small")[-1].get("ready")
    [job] = jobs(machine.site, person.name)
    return int(job.split()[0])


def eat(kernel: Any) -> None:
    try:
        kernel.run(EAT)
    except (KernelDied, OSError, ValueError):
        return
    except Exception as trouble:  # the socket's own errors, when the server is gone
        assert "WebSocket" in type(trouble).__name__, trouble


def test_a_pool_of_processes_ends_before_the_server(
    machine: Machine, people: dict[str, Person]
) -> None:
    if "task/cgroup" not in ask(machine.site, "scontrol", "show", "config"):
        pytest.skip("this machine lets nobody write its cgroups, so that no cap can be enforced")
    alice = people["alice"]
    job = running(machine, alice)
    server = machine.process_of(job)
    kernel = alice.kernel(python_of(alice))
    with suppress(KernelDied):
        assert kernel.run(POOL.read_text()) == ""
        assert int(kernel.run("print(killed)")) > 0
    assert machine.process_of(job) == server and alice.server()["ready"]
    assert alice.kernel(python_of(alice)).run("print(6 * 7)") == "42"
    settled(machine, people)


def test_stopped_by_somebody_else(machine: Machine, people: dict[str, Person]) -> None:
    alice, bob, carol = people["alice"], people["bob"], people["carol"]
    for person in (alice, bob):
        running(machine, person)
    assert carol.api("DELETE", "/users/alice/server").status_code in (202, 204)
    url = f"{hub_url(machine.site)}/hub/api/users/bob/server"
    answer = httpx.delete(
        url, headers={"Authorization": f"token {culler_token(machine.site)}"}, **machine.known
    )
    assert answer.status_code in (202, 204)
    assert "administrator" in shown(alice, "stopped")["what"]
    assert "1 hour" in shown(bob, "idle")["what"]
    settled(machine, people)
    running(machine, bob)
    bob.stop_and_wait()
    assert card(bob) is None, "who stops a server of their own need not be told"
    settled(machine, people)


def test_node_down(machine: Machine, people: dict[str, Person]) -> None:
    site, bob = machine.site, people["bob"]
    with machine.partition("jupyter-short", "down"):  # so that the server goes to demo3, alone
        running(machine, bob)
    assert jobs(site, "bob")[0].endswith("demo3")
    with node_down(machine, "demo3"):
        told = shown(bob, "node")
    assert "demo3" in told["what"]
    settled(machine, people)
    assert card(bob), "the card is gone after the hub had settled everything"


@contextmanager
def node_down(machine: Machine, name: str) -> Iterator[None]:
    """A node that is down to Slurm, by its administrators' word."""
    ask(machine.site, "scontrol", "update", f"NodeName={name}", "State=down", "Reason=fault test")
    try:
        yield
    finally:
        with suppress(subprocess.CalledProcessError):  # it may be back by itself (ReturnToService)
            ask(machine.site, "scontrol", "update", f"NodeName={name}", "State=resume")
        until(lambda: node_state(machine.site, name) in ("idle", "mixed", "allocated"), 300)


# --- servers that do not start ---------------------------------------------------------------------------------


def test_partition_out_of_service(machine: Machine, people: dict[str, Person]) -> None:
    with machine.partition("jupyter-long", "inactive"):
        refused(people["alice"], "long", "partition")
    settled(machine, people)


def test_limit_account_and_qos(machine: Machine, people: dict[str, Person]) -> None:
    alice, bob = people["alice"], people["bob"]
    with accounting(
        machine, "modify user alice set MaxSubmitJobs=0", "modify user alice set MaxSubmitJobs=-1"
    ):
        refused(alice, "small", "limit")
    remove, add = "delete user bob account=teaching", "add user bob account=teaching"
    with accounting(machine, remove, add):
        refused(bob, "small", "account")
    settled(machine, people)


@contextmanager
def accounting(machine: Machine, change: str, restore: str) -> Iterator[None]:
    """Another state of Slurm's accounting; slurmctld hears of it within moments."""
    ask(machine.site, "sacctmgr", "-i", *change.split())
    try:
        yield
    finally:
        ask(machine.site, "sacctmgr", "-i", *restore.split())


@contextmanager
def another_home(user: str, *options: str) -> Iterator[Path]:
    """Another filesystem over a user's home."""
    home = Path(f"/home/{user}")
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", home], check=True)
    try:
        yield home
    finally:
        subprocess.run(["umount", "--lazy", home], check=True)


def is_rescue(person: Person) -> bool:
    """Whether the lab is told that the home is full."""
    assert person.lab().status_code == 200  # which sets the cookies of this start
    base = person.server_path("")
    sent = {"X-XSRFToken": person.xsrf(base), "Referer": f"{person.base}{base}lab"}
    return bool(person.http.get(f"{base}sitekit/notice", headers=sent).json()["rescue"])


def test_a_server_starts_in_a_full_home_and_its_files_can_be_deleted(
    machine: Machine, people: dict[str, Person]
) -> None:
    bob = people["bob"]
    with another_home("bob", "size=64k", "mode=0777") as home:
        (home / "thesis").write_bytes(b"x" * 64 * 1024)
        assert bob.start("small")[-1].get("ready")
        assert is_rescue(bob)
        kernel = bob.kernel(python_of(bob))
        assert kernel.run("print(6 * 7)") == "42"
        kernel.close()
        assert bob.server_api("DELETE", "contents/thesis").status_code == 204
        assert not (home / "thesis").exists()
        bob.stop_and_wait()
        assert bob.start("small")[-1].get("ready")
        assert not is_rescue(bob)
        bob.stop_and_wait()
    settled(machine, people)


def test_home_not_writable(machine: Machine, people: dict[str, Person]) -> None:
    with another_home("bob", "size=64k", "mode=0755"):
        told = refused(people["bob"], "small", "home")
    assert "cannot be written" in told["what"]
    settled(machine, people)


def test_release_missing_on_the_node(machine: Machine, people: dict[str, Person]) -> None:
    current = machine.site.current
    away = current.with_name("current.away")
    with alone(RELEASE):
        os.rename(current, away)
        try:
            refused(people["bob"], "small", "release")
        finally:
            os.rename(away, current)
    settled(machine, people)


def test_no_room_within_the_tiers_patience(machine: Machine, people: dict[str, Person]) -> None:
    """The site says how long a start may take; a hub that starts with that says so when the time is
    over."""
    try:
        with changed(machine.site.etc / "site.yml", impatient):
            machine.kill_hub()
            with machine.partition("jupyter-long", "down"):
                for _ in range(4):  # the hub may not have read the queue before the time is over
                    told = refused(people["alice"], "long", "patience")
                    until(lambda: not jobs(machine.site, "alice"), 240)
                    if "The partition is stopped" in told["what"]:
                        break
                assert "The partition is stopped" in told["what"], told
    finally:
        machine.kill_hub()
    settled(machine, people)


def impatient(text: str) -> str:
    """The site file with a tier whose servers have 15 s to start."""
    before, long = text.split("  - key: long\n")
    return (
        before
        + "  - key: long\n"
        + re.sub(r"start_timeout: .*", "start_timeout: 15s", long, count=1)
    )


@pytest.mark.soak
def test_a_server_that_ends_while_the_hub_is_away(
    machine: Machine, people: dict[str, Person]
) -> None:
    """The next hub says what became of it."""
    alice = people["alice"]
    job = running(machine, alice)
    with machine.stopped("hub"):
        ask(machine.site, "scancel", str(job))
        until(lambda: not jobs(machine.site, "alice"))
    shown(alice, "cancelled")
    settled(machine, people)
