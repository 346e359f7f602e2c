"""squeue's and sacct's answers, read: every line is a job, or the whole answer is rubbish."""

from __future__ import annotations

import pytest

from sitekit.slurm.jobs import Rubbish, parse_queue, parse_records

LINE = "12|alice|PENDING|jupyter-short|n/a|1790000000|N/A|4294901741|sitekit:demo:0123456789abcdef|(Resources)"


def test_a_pending_job() -> None:
    job = parse_queue(LINE + "\n")[12]
    assert (job.user, job.state, job.host, job.start, job.end) == ("alice", "PENDING", "", 1790000000, None)
    assert (job.tag, job.reason, job.pending, job.ended) == ("0123456789abcdef", "Resources", True, False)


def test_a_reason_may_hold_the_separator() -> None:
    assert parse_queue(LINE.replace("(Resources)", "(ReqNodeNotAvail, a|b)"))[12].reason == "ReqNodeNotAvail, a|b"


@pytest.mark.parametrize("comment", ["(null)", "", "sitekit:demo:xyz", "sitekit:demo:0123456789abcdef:more", "other"])
def test_a_comment_that_is_not_ours_is_no_tag(comment: str) -> None:
    assert parse_queue(LINE.replace("sitekit:demo:0123456789abcdef", comment))[12].tag is None


def test_an_unknown_state_is_neither_running_nor_ended() -> None:
    job = parse_queue(LINE.replace("PENDING", "DREAMING"))[12]
    assert not (job.pending or job.running or job.ended)


@pytest.mark.parametrize(
    "text",
    [
        "slurm_load_jobs error: x",
        "12|alice",
        LINE + "\nbash: warning",
        LINE.replace("12|", "12_3|", 1),
        LINE.replace("12|", "1²|", 1),
        LINE.replace("PENDING", "pending"),
    ],
)
def test_rubbish_is_not_a_queue(text: str) -> None:
    with pytest.raises(Rubbish):
        parse_queue(text)


def test_an_empty_answer_is_an_empty_queue() -> None:
    assert parse_queue("") == {}


RECORD = "12|alice|CANCELLED by 1001|jupyter-short|None assigned|Unknown|1790000000|4294901741||None"


def test_a_record_of_the_accounting() -> None:
    job = parse_records(RECORD)[12]
    assert (job.state, job.ended, job.host, job.start, job.end, job.tag) == (
        "CANCELLED",
        True,
        "",
        None,
        1790000000,
        None,
    )
    assert parse_records(RECORD.replace("None assigned", "node[1-2]"))[12].host == "node[1-2]"
    with pytest.raises(Rubbish):
        parse_records("sacct: error: slurmdbd: Connection refused")
