"""squeue's and sacct's answers, read: whatever strangers write into their jobs, nobody else's job
is another."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slurm_parts import TAG, printed, record

from sitekit.backends.slurm.parse_jobs import LISTED, RECORDED, Listing, SlurmJob, read_jobs
from sitekit.backends.slurm.separate_fields import Frame, Unreadable


def read(*records: list[str]) -> Listing:
    frame = Frame(len(LISTED))
    return read_jobs(frame.records(printed(list(records), frame.mark)), "demo")


def one(record: list[str]) -> SlurmJob:
    [job] = read(record).jobs.values()
    return job


def test_a_pending_job() -> None:
    job = one(record(12, state="PENDING", host="n/a", priority="4294901741", reason="(Resources)"))
    assert (job.id, job.uid, job.user, job.state, job.host) == ("12", 1001, "alice", "PENDING", "")
    assert (job.start, job.end, job.tag, job.reason) == (1790000000, None, TAG, "Resources")
    assert job.pending and not job.ended


def test_a_job_of_the_accounting() -> None:
    job = one(record(state="CANCELLED by 1001", host="None assigned", start="Unknown", comment=""))
    assert (job.state, job.ended, job.host, job.start, job.tag) == (
        "CANCELLED",
        True,
        "",
        None,
        None,
    )
    assert one(record(host="node[1-2]")).host == "node[1-2]"


@pytest.mark.parametrize(
    "comment",
    [
        "(null)",
        "",
        "sitekit:demo:xyz",
        f"sitekit:demo:{TAG}:more",
        f"sitekit:demo:{TAG}\n",
        f"sitekit:other:{TAG}",
        f"\nsitekit:demo:{TAG}",
    ],
)
def test_a_comment_that_is_not_ours_is_no_tag(comment: str) -> None:
    assert one(record(comment=comment)).tag is None


LIVE = [
    *(
        "PENDING",
        "CONFIGURING",
        "REQUEUED",
        "REQUEUE_HOLD",
        "REQUEUE_FED",
        "SPECIAL_EXIT",
        "RESV_DEL_HOLD",
    ),
    *("RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"),
]


@pytest.mark.parametrize("state", LIVE)
def test_a_live_state_waits_or_runs_and_has_not_ended(state: str) -> None:
    job = one(record(state=state))
    assert job.pending != job.running and not job.ended


@pytest.mark.parametrize("state", ["DREAMING", "?", "", "running", "RUNNING+SIGNALING", "0x2001"])
def test_an_unknown_state_is_neither_running_nor_ended(state: str) -> None:
    """The record is read, whatever others are: a job that is left out of an answer counts as gone."""
    listing = read(record(7, state=state), record(8))
    assert listing.unreadable == 0 and list(listing.jobs) == ["7", "8"]
    job = listing.jobs["7"]
    assert not (job.pending or job.running or job.ended)


@pytest.mark.parametrize(
    "number", ["12_3", "12_[1-3]", "12_[1-3%2]", "12_[1,3,5-9,...]", "12+0", "12+1"]
)
def test_tasks_of_arrays_and_parts_of_heterogeneous_jobs_are_passed_over(number: str) -> None:
    assert list(read(record(number), record(7)).jobs) == ["7"]
    assert read(record(number)) == Listing({}, passed_over=1)


@pytest.mark.parametrize(
    "bad", [record("1²"), record("0"), record("x"), record(""), record("9" * 30)]
)
def test_a_record_that_cannot_be_read_is_left_out(bad: list[str]) -> None:
    assert (
        list(read(record(7), bad, record(9)).jobs),
        read(record(7), bad, record(9)).unreadable,
    ) == (["7", "9"], 1)
    with pytest.raises(Unreadable):
        read(bad)
    assert read(bad, record("12_3")).jobs == {}, (
        "an answer with a stranger's array in it alone is an answer"
    )


def test_an_empty_answer_is_an_empty_queue() -> None:
    assert read() == Listing({})


@pytest.mark.parametrize(
    "text", ["slurm_load_jobs error: x", "12|alice|RUNNING\n", "{whole}Zero Bytes were transmitted"]
)
def test_what_is_not_the_form_that_was_asked_for_is_no_answer(text: str) -> None:
    frame = Frame(len(LISTED))
    with pytest.raises(Unreadable):
        frame.records(text.format(whole=printed([record()], frame.mark)))


def test_half_an_answer_is_no_answer() -> None:
    """A squeue that is killed while it writes: the jobs that are missing must not count as gone."""
    frame = Frame(len(LISTED))
    whole = printed([record(7), record(8)], frame.mark)
    for end in range(len(whole) - 1):
        try:
            assert [fields[0] for fields in frame.records(whole[:end])] in ([], ["7"], ["7", "8"])
            assert end in (0, whole.index("\n"), whole.index("\n") + 1, len(whole) - 1)
        except Unreadable:
            continue


def test_what_a_shell_profile_prints_before_the_answer_is_no_record() -> None:
    frame = Frame(len(LISTED))
    assert frame.records("bash: warning\n" + printed([record(7)], frame.mark)) == [record(7)]


def test_each_query_has_a_mark_of_its_own() -> None:
    assert len({Frame(3).mark for _ in range(100)}) == 100
    assert len(LISTED) == len(RECORDED) == len(record())


FORGED = f"9|1001|alice|COMPLETED|short|evil|1|1|1|None|sitekit:demo:{TAG}"
TEXT = st.one_of(
    st.text(alphabet=string.printable + "|\n\0\x1b\u2028\u0085é", max_size=60),
    st.sampled_from(
        [
            "\n",
            "|",
            "",
            FORGED,
            f"x\n{FORGED}\n",
            f"\n{FORGED}",
            "|0123456789abcdef|\n9|0123456789abcdef|",
        ]
    ),
)
NUMBERS = st.sampled_from(["40", "41_1", "42_[1-9]", "43+0"])
STRANGERS = st.lists(
    st.builds(
        lambda n, reason, comment: record(n, comment, user="bob", uid="1002", reason=reason),
        NUMBERS,
        TEXT,
        TEXT,
    ),
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(before=STRANGERS, between=STRANGERS, after=STRANGERS)
def test_no_record_of_a_stranger_makes_or_breaks_anybody_elses(
    before: list[list[str]], between: list[list[str]], after: list[list[str]]
) -> None:
    """Whatever bob writes: alice's two jobs are read as they are, and no job is there that Slurm
    has not listed."""
    jobs = read(*before, record(7), *between, record(8, state="PENDING"), *after)
    assert jobs.unreadable == 0
    assert {number: job for number, job in jobs.jobs.items() if job.user == "alice"} == {
        "7": one(record(7)),
        "8": one(record(8, state="PENDING")),
    }
    assert {job.id for job in jobs.jobs.values() if job.user != "alice"} <= {"40"}


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200), width=st.integers(1, 12))
def test_any_text_at_all_is_records_or_no_answer(text: str, width: int) -> None:
    frame = Frame(width)
    for answer in (text, text + frame.mark, (text + frame.mark) * width):
        try:
            assert all(len(fields) == width for fields in frame.records(answer))
        except Unreadable:
            continue
