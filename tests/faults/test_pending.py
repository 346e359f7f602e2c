"""The hub is killed while a job waits, or beside sbatch. The next hub takes the job over; nobody
has to ask again."""

from __future__ import annotations

import itertools
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitekit.backends.slurm.find_jobs import NEVER_SUBMITTED

from ..person import Person
from ..slurm import jobs, until
from .agreement import patiently, settled
from .conftest import servers
from .machine import Machine, changed


def waiting_job(machine: Machine, user: str) -> int:
    """The number of the one job of `user`, which is pending."""
    job = until(lambda: jobs(machine.site, user), 240)[0]
    number, _, state, _ = job.split()
    assert state == "PENDING", job
    return int(number)


def test_hub_killed_while_pending(machine: Machine, people: dict[str, Person]) -> None:
    """Its user reads on why it waits, and comes in when it starts: the same job, the same start."""
    alice = people["alice"]
    with machine.partition("jupyter-long", "down"):
        assert alice.choose("long").status_code == 302
        job = waiting_job(machine, "alice")
        [row] = until(lambda: [row for row in machine.rows() if row["job"] == job])
        machine.kill_hub()
        events = patiently(lambda: alice.progress())
        waits = f"Job {job} waits in jupyter-long. The partition is stopped by the administrators."
        assert any(waits in event["message"] for event in events)
    *_, last = events
    assert last.get("ready"), last
    assert alice.lab().status_code == 200
    assert [line.split()[0] for line in jobs(machine.site, "alice")] == [str(job)]
    assert machine.rows()[-1]["tag"] == row["tag"]
    settled(machine, people)


def test_cancelled_while_pending_under_the_next_hub(
    machine: Machine, people: dict[str, Person]
) -> None:
    alice = people["alice"]
    with machine.partition("jupyter-long", "down"):
        assert alice.choose("long").status_code == 302
        waiting_job(machine, "alice")
        machine.kill_hub()
        assert patiently(lambda: alice.stop()).status_code in (202, 204)
        until(lambda: not jobs(machine.site, "alice"), 240)
        until(lambda: not servers(alice), 240)
        settled(machine, people)
    assert alice.start("small")[-1].get("ready"), (
        "a server of the same name starts as if nothing had been"
    )
    settled(machine, people)


def test_who_waits_reads_how_many_are_ahead_and_which_tier_would_start_sooner(
    machine: Machine, people: dict[str, Person]
) -> None:
    alice, bob = people["alice"], people["bob"]
    with machine.partition("jupyter-short", "down"), machine.partition("jupyter-overflow", "down"):
        for person in (alice, bob):
            assert person.choose("small").status_code == 302
            waiting_job(machine, person.name)
        waits = "The partition is stopped by the administrators. One job is ahead of it. Expected start: unknown."
        advice = 'The tier "Five days" would start sooner.'
        until(lambda: any(f"{waits} {advice}" in line for line in said_to(bob)), 300)
        assert not [line for line in said_to(alice) if "ahead" in line]


def said_to(person: Person) -> list[str]:
    """What a progress page that is opened now says first: JupyterHub's own words, then ours."""
    return [event["message"] for event in itertools.islice(person.progress(), 2)]


@pytest.fixture
def slow_programs() -> Iterator[Path]:
    """A folder for the gate's programs. Under systemd the hub has a /tmp of its own."""
    with tempfile.TemporaryDirectory(prefix="sitekit-test-", dir="/var/lib") as folder:
        yield Path(folder)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_hub_killed_beside_sbatch(
    machine: Machine, people: dict[str, Person], slow_programs: Path, moment: str
) -> None:
    """sbatch is slow, the hub dies and never hears the job's number: it finds the job by its tag."""
    bob, killed = people["bob"], slow_programs / "killed"
    held = f"while [ -d {slow_programs} ] && [ ! -e {killed} ]; do sleep 0.1; done"
    steps = (f"{held}; sleep 5", ":") if moment == "before" else (":", held)
    with slow_sbatch(machine, slow_programs, *steps):
        asking = ask_in_background(bob)
        until((slow_programs / "called").exists, 240)
        [row] = [row for row in machine.rows() if not row["ended"]]
        if moment == "after":
            until(lambda: jobs(machine.site, "bob"), 240)
        assert row["job"] is None
        machine.kill_hub(meanwhile=killed.touch)
        asking.join()
        until(lambda: (servers(bob).get("") or {}).get("ready"), 300)
    [job] = jobs(machine.site, "bob")
    last = machine.rows()[-1]
    assert (last["tag"], last["job"]) == (row["tag"], int(job.split()[0]))
    settled(machine, people)


@pytest.mark.soak
def test_a_job_that_turns_up_after_all_hope_is_cancelled(
    machine: Machine, people: dict[str, Person], slow_programs: Path
) -> None:
    """sbatch is heard so late that the start was given up: the job must not run on for nobody."""
    bob = people["bob"]
    with slow_sbatch(machine, slow_programs, f"sleep {NEVER_SUBMITTED + 20}", ":"):
        asking = ask_in_background(bob)
        row = until(lambda: next((r for r in machine.rows() if not r["ended"]), None))
        machine.kill_hub()
        asking.join()
        until(lambda: machine.rows()[-1]["ended"], NEVER_SUBMITTED + 30)
        assert not jobs(machine.site, "bob")
        until(lambda: row["tag"] in machine.live_jobs().values())
    settled(machine, people)
    assert not machine.live_jobs()


SBATCH = """#!/bin/sh
# `--test-only` is as fast as ever
case " $* " in *" --parsable "*) ;; *) exec {sbatch} "$@" ;; esac
cat >{folder}/job.$$
touch {folder}/called
# in a session of its own: the gate ends what does not answer in time
setsid sh -c '{before}; exec "$0" "$@"' {sbatch} "$@" <{folder}/job.$$ &
wait $!
code=$?
{after}
exit $code
"""


@contextmanager
def slow_sbatch(machine: Machine, folder: Path, before: str, after: str) -> Iterator[None]:
    """The gate finds an sbatch that runs other commands of the shell before and after its work."""
    programs = machine.site.slurm.bin
    for program in programs.glob("s*"):
        (folder / program.name).symlink_to(program)
    slow = folder / "sbatch"
    slow.unlink()
    script = SBATCH.format(sbatch=programs / "sbatch", folder=folder, before=before, after=after)
    slow.write_text(script)
    slow.chmod(0o755)
    folder.chmod(0o1777)
    config = machine.site.libexec / "gate.json"

    def change(text: str) -> str:
        return json.dumps({**json.loads(text), "slurm_bin": str(folder)})

    with changed(config, change):
        yield


def ask_in_background(person: Person) -> threading.Thread:
    """Ask for a server in a thread: the hub dies before it answers."""
    from .test_kills import ask

    asking = threading.Thread(target=ask, args=(person, ""))
    asking.start()
    return asking
