"""Which job is a server's: its own user's, by number or tag; and what of one that the snapshot does
not list."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from slurm_parts import TAG, answering, job, record

from sitekit.backends.refresh_snapshot import Snapshot
from sitekit.backends.slurm.find_jobs import ServerJobs
from sitekit.backends.slurm.read_queue import Queue
from sitekit.backends.start_and_job_records import Job, NoAnswer, Work
from sitekit.base.data_files import data
from sitekit.site import Site, load_site

Say = Callable[[str, str], None]
DENIES = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"


def work(number: int | None = 12, uid: int | None = 1001) -> Work:
    job = None if number is None else str(number)
    return Work(
        tag=TAG, user="alice", account="alice", uid=uid, job=job, intended=time.time() - 600
    )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = load_site(data("config/sites/demo.yml"))
    return site.model_copy(
        update={"slurm": site.slurm.model_copy(update={"bin": tmp_path, "conf": None})}
    )


@pytest.fixture
def says(tmp_path: Path) -> Say:
    """The way to say what a program of Slurm does. At first no job is known, and none is hidden."""

    def does(program: str, script: str) -> None:
        (tmp_path / program).write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/called\n{script}\n')
        (tmp_path / program).chmod(0o755)

    does("scontrol", "echo 'PrivateData = none'; echo 'SlurmUser = slurm(64030)'")
    does("squeue", DENIES)
    does("sacct", "true")
    return does


def jobs_with(site: Site, *listed: Job) -> ServerJobs:
    """The jobs of a hub whose last snapshot lists these."""
    queue = Queue(site)
    queue.snapshot = Snapshot({job.id: job for job in listed}, time.monotonic(), time.time())
    return ServerJobs(site, queue, lambda: [work()])


def found(jobs: ServerJobs, wanted: Work) -> Job | None:
    return asyncio.run(jobs.look_up(wanted))


BOBS = {"uid": 1002, "user": "bob"}


@pytest.mark.parametrize("number", [12, None], ids=["by number", "by tag"])
def test_only_a_job_of_its_own_user_is_a_servers(site: Site, number: int | None) -> None:
    assert jobs_with(site, job(12, **BOBS), job(13, **BOBS)).find(work(number)) is None
    assert jobs_with(site, job(12), job(13, **BOBS)).find(work(number)) == job(12)


def test_a_tag_counts_only_where_the_number_was_never_learnt(site: Site) -> None:
    """alice's own second job with her tag is not her server."""
    assert jobs_with(site, job(12), job(13)).find(work(12)) == job(12)
    assert jobs_with(site, job(13)).find(work(12)) is None
    assert jobs_with(site, job(12), job(13)).find(work(None)) == job(13)


def test_a_name_service_that_is_away_makes_no_stranger_of_anybody(site: Site) -> None:
    """squeue then prints numbers, or `nobody`, in place of names."""
    assert jobs_with(site, job(12, user="1001")).find(work()) is not None
    assert jobs_with(site, job(12, uid=1001, user="nobody")).find(work()) is not None
    assert jobs_with(site, job(12, uid=1002, user="alice")).find(work()) is None
    assert jobs_with(site, job(12)).find(work(uid=None)) is not None


def test_a_job_with_another_name_is_found_by_its_number(site: Site, says: Say) -> None:
    says("squeue", answering(record(12, comment="mine")))
    told = found(jobs_with(site), work())
    assert told and (told.id, told.state, told.host) == ("12", "RUNNING", "n1")


def test_a_number_that_slurm_has_given_out_again_is_no_servers(site: Site, says: Say) -> None:
    says("squeue", answering(record(12, uid="1002", user="bob")))
    assert found(jobs_with(site), work()) is None
    with pytest.raises(NoAnswer, match="cannot be told"):  # a name that may only be missing
        found(jobs_with(site), work(uid=None))


def test_a_job_that_slurm_denies_is_gone(site: Site, says: Say) -> None:
    assert found(jobs_with(site), work()) is None
    says("sacct", answering(record(12, state="COMPLETED")))
    told = found(jobs_with(site), work())
    assert told is None or told.ended
    says("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert found(jobs_with(site), work()) is None


def test_silence_is_no_answer(site: Site, says: Say) -> None:
    says("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(NoAnswer):
        found(jobs_with(site), work())
    jobs = jobs_with(site)
    jobs.queue.silent_since = time.time()
    with pytest.raises(NoAnswer):
        found(jobs, work())


def test_a_job_that_lives_and_is_not_shown_is_told(
    site: Site, says: Say, caplog: pytest.LogCaptureFixture
) -> None:
    """slurmctld denies to the hub what the accounting has as running: it is used, and the right to
    ask for is named."""
    says("sacct", answering(record(12)))
    jobs = jobs_with(site)
    for _ in range(3):
        told = found(jobs, work())
        assert told and (told.state, told.host) == ("RUNNING", "n1")
    assert jobs.unseen == {TAG: "12"} and jobs.is_hidden(work())
    [line] = [entry.message for entry in caplog.records]
    assert "does not show the hub's account job 12 of alice" in line
    assert "sacctmgr modify user jupyterhub-daemon set AdminLevel=Operator" in line


def test_what_the_accounting_has_forgotten_to_end_is_gone(site: Site, says: Say) -> None:
    """A job that slurmctld has shown before and denies now has ended, whatever the accounting says
    (`runaway jobs`)."""
    says("sacct", answering(record(12)))
    jobs = jobs_with(site, job(12))
    assert jobs.find(work()) is not None
    jobs.queue.snapshot = Snapshot({}, time.monotonic(), time.time())
    assert found(jobs, work()) is None and not jobs.unseen


def test_where_jobs_are_hidden_the_accounting_is_asked(site: Site, says: Say) -> None:
    says("scontrol", "echo 'PrivateData = jobs'; echo 'SlurmUser = slurm(64030)'")
    says("sacctmgr", "true")
    with pytest.raises(NoAnswer, match="PrivateData"):
        found(jobs_with(site), work())
    says("sacct", answering(record(12, state="CANCELLED by 0")))
    told = found(jobs_with(site), work())
    assert told and told.ended
    says("sacct", answering(record(12, uid="1002", user="bob", state="COMPLETED")))
    assert found(jobs_with(site), work()) is None


def test_many_are_asked_for_in_one_query(site: Site, says: Say, tmp_path: Path) -> None:
    says("squeue", answering(record(12), record(13)))

    async def everybody(jobs: ServerJobs) -> list[Job | None]:
        return await asyncio.gather(*(jobs.look_up(work(number)) for number in range(12, 112)))

    told = asyncio.run(everybody(jobs_with(site)))
    assert [job.id for job in told if job] == ["12", "13"]
    called = [line for line in (tmp_path / "called").read_text().splitlines() if "/squeue " in line]
    assert len(called) == 1 and "--all" in called[0]
