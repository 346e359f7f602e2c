"""Servers that ended, do not run, or are suspended: what is shown at their addresses, and how soon."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ..attacks.hublog import end_of_log, logged
from ..person import Person
from ..slurm import ask, jobs, until
from .agreement import answers, settled
from .machine import Machine, changed
from .test_cards import card


def job_of(machine: Machine, person: Person, name: str = "") -> int:
    """The job of a person's server that has not ended."""
    return next(
        row["job"]
        for row in machine.rows()
        if (row["user"], row["name"], row["ended"]) == (person.name, name, None)
    )


def followed(person: Person, answer: httpx.Response) -> httpx.Response:
    """What the browser shows after the page of a server that does not answer: the address that the
    page loads by itself is followed once."""
    found = re.search(r'id="next" href="([^"]+)"', answer.text)
    assert found, answer.text[:2000]
    return person.http.get(html.unescape(found[1]))


def test_a_stopped_named_server_is_not_answered_by_the_default_one(
    machine: Machine, people: dict[str, Person]
) -> None:
    alice = people["alice"]
    for name in ("", "one"):
        assert alice.start("small", name)[-1].get("ready")
    alice.stop_and_wait("one")
    page = alice.http.get("/user/alice/one/lab/tree/x.ipynb")
    assert (page.status_code, page.url.path) == (424, "/hub/user/alice/one/lab/tree/x.ipynb")
    asked = alice.http.get("/user/alice/one/api/kernels", headers={"Accept": "application/json"})
    assert asked.status_code == 424 and "no longer running" in asked.json()["message"]
    machine.kill("proxy")
    machine.mend("proxy")
    until(lambda: alice.http.get("/user/alice/one/lab").status_code == 424, 240)
    # the hub itself answers for both servers until the proxy has their routes again
    until(lambda: answers(alice, "") == 200, 240)
    assert alice.start("small", "one")[-1].get("ready")
    assert answers(alice, "one") == 200
    ask(machine.site, "scancel", str(job_of(machine, alice, "one")))
    page = until(lambda: shown_as_ended(alice, "one"), 240)
    assert 'data-kind="cancelled"' in str(page)
    assert 'data-kind="cancelled"' in alice.http.get("/hub/home").text
    settled(machine, people)


def shown_as_ended(person: Person, name: str) -> str | None:
    answer = person.http.get(f"{person.server_path(name)}lab")
    return answer.text if answer.status_code == 424 else None


def test_the_page_of_a_server_that_died_tells_why_at_once(
    machine: Machine, people: dict[str, Person]
) -> None:
    """Without waiting for the hub's next look at the queue, which may be 30 s away."""
    bob = people["bob"]
    assert bob.start("small")[-1].get("ready")
    ask(machine.site, "scancel", str(job_of(machine, bob)))
    until(lambda: not jobs(machine.site, "bob"))
    answer = until(lambda: page_after_the_end(bob))
    assert answer.status_code == 424 and 'data-kind="cancelled"' in answer.text
    settled(machine, people)


def page_after_the_end(person: Person) -> httpx.Response | None:
    """What a browser shows of a server whose job was ended; None while that is not its last page."""
    answer = person.lab()
    if answer.status_code == 503:  # by the proxy, before the hub has noticed
        assert "Your server does not answer" in answer.text and "Try restarting" not in answer.text
        answer = followed(person, answer)
    # the server may answer until its end, and while Slurm ends the job, a page says that it stops;
    # if Slurm takes longer than the hub waits for it, the page tries again
    return None if answer.status_code in (200, 503) else answer


@pytest.mark.soak
def test_a_suspended_server_is_told_and_goes_on(
    machine: Machine, people: dict[str, Person]
) -> None:
    alice = people["alice"]
    assert alice.start("small")[-1].get("ready")
    job = job_of(machine, alice)
    ask(machine.site, "scontrol", "suspend", str(job))
    try:
        page = until(lambda: suspended(alice))
        assert "continues when Slurm resumes it" in page
        assert alice.server()["ready"], "it is not given up"
    finally:
        ask(machine.site, "scontrol", "resume", str(job))
    until(lambda: answers(alice, "") == 200)
    settled(machine, people)


def suspended(person: Person) -> str | None:
    try:
        answer = person.http.get("/user/alice/lab", timeout=3)
    except httpx.TimeoutException:  # until the hub has seen it, the proxy waits for the server
        return None
    return answer.text if answer.status_code == 503 and "suspended" in answer.text else None


def test_the_server_of_who_has_left_the_group_can_be_stopped(
    machine: Machine, people: dict[str, Person]
) -> None:
    bob, carol = people["bob"], people["carol"]
    assert bob.start("small")[-1].get("ready")
    job = job_of(machine, bob)
    subprocess.run(
        ["gpasswd", "--delete", "bob", "jupyter-users"],
        check=True,
        capture_output=True,
        timeout=300,
    )
    try:
        assert carol.api("DELETE", "/users/bob/server").status_code in (202, 204)
        until(lambda: job not in machine.live_jobs(), 240)
    finally:
        subprocess.run(
            ["gpasswd", "--add", "bob", "jupyter-users"],
            check=True,
            capture_output=True,
            timeout=300,
        )
    settled(machine, people)


def test_the_server_of_an_account_that_is_deleted_can_be_stopped(
    machine: Machine, people: dict[str, Person]
) -> None:
    """Nobody can act as that account any more: it takes the right of an Operator, and the log says
    so."""
    site, bob, carol = machine.site, people["bob"], people["carol"]
    assert bob.start("small")[-1].get("ready")
    job, begin = job_of(machine, bob), end_of_log(site)
    with changed(Path("/etc/passwd"), lambda text: re.sub(r"(?m)^bob:.*\n", "", text)):
        assert carol.api("DELETE", "/users/bob/server").status_code in (202, 204)
        cancelling = rb"belongs to no server; cancelling it, which failed.*scancel %d`.*" % job
        line = until(lambda: re.search(cancelling, logged(site, begin)), 300)[0]
        once = ["sacctmgr", "-i", *line.decode().partition("or once: sacctmgr ")[2].split()]
        assert once[-1] == "AdminLevel=Operator"
        ask(site, *once)
        ask(
            site, "scontrol", "reconfigure"
        )  # the demo names the account to Slurm before it exists: its uid is learnt now
        try:
            until(lambda: job not in machine.live_jobs(), 240)
        finally:
            ask(site, *once[:-1], "AdminLevel=None")
    settled(machine, people)


@contextmanager
def slow_epilog(machine: Machine, open_path: Path) -> Iterator[None]:
    """Jobs stay in the state COMPLETING while this lasts."""
    hold, epilog = open_path / "hold", open_path / "epilog"
    hold.touch()
    epilog.write_text(f"#!/bin/sh\nwhile [ -e {hold} ]; do sleep 0.2; done\n")
    epilog.chmod(0o755)
    try:
        with changed(machine.site.slurm.conf, lambda text: f"{text}\nEpilog={epilog}\n"):
            ask(machine.site, "scontrol", "reconfigure")
            yield
    finally:
        hold.unlink()
        # slurmctld drains a node whose epilog fails: none may begin after its file is gone
        until(lambda: not ask(machine.site, "squeue", "--noheader", "--states=CG"), 240)
        ask(machine.site, "scontrol", "reconfigure")
        drained = ("sinfo", "--noheader", "--Node", "--format=%N", "--states=drain")
        for node in set(ask(machine.site, *drained).split()):
            ask(machine.site, "scontrol", "update", f"NodeName={node}", "State=RESUME")


def test_a_job_that_is_completing_has_ended(
    machine: Machine, people: dict[str, Person], open_path: Path
) -> None:
    """Its epilog may take minutes; its server is told as ended, with the reason, and nobody cancels
    it again."""
    alice, carol = people["alice"], people["carol"]
    with slow_epilog(machine, open_path):
        assert alice.start("small")[-1].get("ready")
        assert carol.start("small")[-1].get("ready")
        theirs = [job_of(machine, person) for person in (alice, carol)]
        ask(machine.site, "scancel", str(theirs[0]))
        carol.stop_and_wait(patience=180)
        until(lambda: alice.server() is None, 300)
        assert until(lambda: card(alice))["kind"] == "cancelled"
        states = ask(
            machine.site, "squeue", "--noheader", f"--jobs={theirs[0]},{theirs[1]}", "--format=%T"
        ).split()
        assert states == ["COMPLETING", "COMPLETING"]
        rows = [row for row in machine.rows() if row["job"] in theirs]
        assert [row["ended"] is not None for row in rows] == [True, True]
    settled(machine, people)
