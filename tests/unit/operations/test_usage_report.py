"""The figures of `make report`, from hand-made records of sacct and rows of the ledger."""

from __future__ import annotations

import csv
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sitekit.backends.slurm.job_use import (
    FIELDS,
    JobUse,
    read_cpu_time,
    read_size,
    read_tres,
    read_uses,
)
from sitekit.base.errors import BadInput
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.ledger.starts_and_idle_time import Usage
from sitekit.operations.usage_report.advice import advise
from sitekit.operations.usage_report.commands import make_report
from sitekit.operations.usage_report.compute_figures import Figures, percentile
from sitekit.operations.usage_report.match_jobs import Jobs, run_of
from sitekit.operations.usage_report.months import read_months, shares
from sitekit.operations.usage_report.write_report import as_csv, as_html
from sitekit.site import Site, load_site

NOW = 1_800_000_000.0
DECEMBER, JANUARY = (2026, 12), (2027, 1)
MIB = 1024


@pytest.fixture(params=["UTC", "Europe/Helsinki", "America/Los_Angeles"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def at(*when: int) -> int:
    return int(datetime(*when).timestamp())  # type: ignore[arg-type]


def record(job: object = 12, **other: object) -> list[str]:
    """A job's record as sacct prints it: of alice's, two CPUs for an hour."""
    fields: dict[str, object] = {
        "JobID": job,
        "UID": 1001,
        "User": "alice",
        "State": "COMPLETED",
        "Submit": 1000,
        "Start": 1060,
        "End": 4660,
        "ElapsedRaw": 3600,
        "AllocCPUS": 2,
        "ReqMem": "2000M",
        "ReqTRES": "billing=2,cpu=2,mem=2000M,node=1",
        "AllocTRES": "billing=2,cpu=2,mem=2000M,node=1",
        "TotalCPU": "30:00.500",
        "MaxRSS": "",
        "NodeList": "n1",
        "NNodes": 1,
    }
    return [str({**fields, **other}[key]) for key in FIELDS]


def step(job: object = "12.batch", rss: str = "512000K") -> list[str]:
    return record(job, MaxRSS=rss, ReqMem="", ReqTRES="", UID="", User="")


def start(**other: Any) -> Usage:
    fields: dict[str, Any] = {
        "tag": "a" * 16,
        "user": "alice",
        "account": "alice",
        "uid": 1001,
        "backend": "slurm",
        "job": "12",
        "tier": "small",
        "memory": 2000,
        "cap": 10000,
        "cpus": 2,
        "gpus": 0,
        "intended": 999.5,
        "listening": 1063.0,
        "ended": 4661.0,
        "kind": None,
        "idle": None,
    }
    return Usage(**{**fields, **other})


def one(*records: list[str]) -> JobUse:
    [use] = read_uses(records)
    return use


def test_a_job_and_what_its_steps_used() -> None:
    use = one(record(), step(rss="512000K"), step("12.extern", "1M"), step("12.0", "1.5G"))
    assert (use.cpus, use.memory, use.gpus, use.peak_memory) == (2, 2000, 0, 1536)
    assert (use.cpu_seconds, use.start, use.end, use.elapsed) == (1800.5, 1060, 4660, 3600)


def test_a_job_without_steps_has_used_nothing_that_is_known() -> None:
    use = one(record(TotalCPU="00:00:00"))
    assert use.peak_memory is None and use.cpu_seconds is None
    use = one(record(), step(rss=""))
    assert use.peak_memory is None and use.cpu_seconds == 1800.5


def test_a_running_job_has_no_end_and_a_pending_one_no_start() -> None:
    use = one(record(State="RUNNING", End="Unknown", TotalCPU="00:00:00", ElapsedRaw=40))
    assert use.start == 1060 and use.end is None and use.cpu_seconds is None
    use = one(record(State="PENDING", Start="Unknown", End="Unknown", AllocTRES="", AllocCPUS=0))
    assert use.start is None and use.cpus == 2 and use.memory == 2000
    for start in ("None", "1700"):  # slurmdbd writes the end as the start of a job without a node
        cancelled = one(record(State="CANCELLED by 1001", Start=start, NodeList="None assigned"))
        assert cancelled.state == "CANCELLED" and cancelled.start is None and cancelled.node == ""


@pytest.mark.parametrize(
    ("told", "memory"), [("2000M", 2000), ("2Gn", 2048), ("500Mc", 1000), ("?", None), ("", None)]
)
def test_memory_without_tres_is_that_of_reqmem_old_and_new(told: str, memory: int | None) -> None:
    assert one(record(ReqMem=told, ReqTRES="", AllocTRES="")).memory == memory


@pytest.mark.parametrize(
    ("tres", "gpus"),
    [
        ("cpu=2,gres/gpu=2,gres/gpu:a100=2", 2),
        ("cpu=2,gres/gpu:a100=1,gres/gpu:v100=2", 3),
        ("cpu=2,gres/gpumem=20G", 0),
        ("", 0),
    ],
)
def test_gpus_are_not_counted_twice(tres: str, gpus: int) -> None:
    assert one(record(AllocTRES=tres)).gpus == gpus


def test_elements_of_arrays_and_unreadable_records_are_no_servers() -> None:
    records = [
        record("13_4"),
        step("13_4.batch"),
        record("14+0"),
        record("13_[5-9]"),
        record(15, Submit="Unknown"),
        step("99.batch"),
        record(12),
        step(),
    ]
    assert [use.job for use in read_uses(records)] == ["12"]


def test_times_and_sizes_of_slurm() -> None:
    assert read_cpu_time("1-02:03:04") == 93784 and read_cpu_time("03:04.567") == 184.567
    assert read_cpu_time("") is None and read_cpu_time("INVALID") is None
    assert read_size("0") == 0 and read_size("1.50G") == 1536 * MIB**2 and read_size("x") is None
    assert read_tres("cpu=2,,mem=") == {"cpu": "2", "mem": ""}


def test_a_job_is_a_server_if_number_owner_and_time_agree() -> None:
    uses = read_uses(
        [
            record(),
            record(12, UID=1002, User="eve", Submit=1001),
            record(12, Submit=900_000),  # the number was used again
            record(77),
        ]
    )
    jobs = Jobs.of(uses)
    assert [use.submit for use in jobs.of_start(start(), NOW)] == [1000]
    assert jobs.of_start(start(uid=1002, account="bob"), NOW)[0].user == "eve", "by uid"
    assert jobs.of_start(start(uid=None, account="bob"), NOW) == []
    assert jobs.of_start(start(backend="docker"), NOW) == []
    assert jobs.of_start(start(job=None), NOW) == []
    assert run_of(start(job="13"), jobs, NOW).accounted is False


def test_a_requeued_job_is_one_start_with_all_its_hours() -> None:
    records = [
        record(State="REQUEUED", Start=1060, End=1960, ElapsedRaw=900, TotalCPU="05:00"),
        step(rss="100M"),
        record(Submit=1960, Start=2500, End=4660, ElapsedRaw=2160, TotalCPU="10:00"),
        step(rss="300M"),
    ]
    uses = read_uses(records)
    run = run_of(start(), Jobs.of([*uses, *uses]), NOW)
    assert len(run.spans) == 2 and run.elapsed == 3060, "a record that is read twice counts once"
    assert run.waited == 60 and run.peak_memory == 300 and run.cpu_seconds == 900


def test_the_hours_of_a_server_are_divided_at_the_local_turn_of_the_year(zone: str) -> None:
    begin, end = at(2026, 12, 31, 22), at(2027, 1, 1, 1)
    assert [month for month, _ in shares(begin, end)] == [DECEMBER, JANUARY]
    use = record(Submit=begin - 30, Start=begin, End=end, ElapsedRaw=3 * 3600, TotalCPU="03:00:00")
    asked = start(intended=begin - 31.0, ended=end + 1.0, idle=5400.0, gpus=1)
    made = make_report(["small"], [asked], read_uses([use, step()]), [DECEMBER, JANUARY], NOW)
    old, new = (made.monthly["small", month] for month in (DECEMBER, JANUARY))
    assert (old.hours, new.hours) == pytest.approx((2, 1))
    assert (old.cpu_hours, new.used_cpu_hours) == pytest.approx((4, 1))
    assert (old.idle_hours, new.idle_hours) == pytest.approx((1, 0.5))
    assert (old.starts, new.starts, len(old.users), len(new.users)) == (1, 0, 1, 1)
    assert (old.waits, new.waits, new.peaks) == ([30], [], [])
    alone = make_report(["small"], [asked], read_uses([use, step()]), [JANUARY], NOW)
    assert alone.total["small"].hours == pytest.approx(1) and alone.total["small"].starts == 0
    assert made.total["small"].gpu_hours == pytest.approx(3), "the ledger's, without TRES of GPUs"
    assert made.total["small"].cpu_share == pytest.approx(0.5)


def test_a_month_with_a_change_of_the_clock_is_as_long_as_it_is(zone: str) -> None:
    begin, end = at(2026, 3, 1), at(2026, 4, 1)
    parts = dict(shares(begin - 3600, end + 3600))
    assert sum(parts.values()) == pytest.approx(1)
    assert parts[2026, 2] == parts[2026, 4] == pytest.approx(3600 / (end - begin + 7200))


def test_a_running_server_counts_until_now_and_one_that_slurm_lost_until_the_ledgers_end() -> None:
    lost = read_uses([record(State="RUNNING", End="Unknown", ElapsedRaw=10**8)])
    run = run_of(start(ended=4000.0), Jobs.of(lost), NOW)
    assert run.elapsed == 4000 - 1060
    run = run_of(start(ended=None), Jobs.of(lost), 2060.0)
    assert run.elapsed == 1000
    suspended = read_uses([record(ElapsedRaw=600)])
    assert run_of(start(), Jobs.of(suspended), NOW).elapsed == 600


def test_without_a_record_the_hours_are_the_hubs() -> None:
    run = run_of(start(job="13"), Jobs(), NOW)
    assert run.elapsed == pytest.approx(4661 - 1063) and run.waited is None
    assert run_of(start(listening=None), Jobs(), NOW).spans == ()


def test_what_counts_as_a_failure() -> None:
    def failed(kind: str | None, state: str = "COMPLETED") -> tuple[str | None, bool]:
        run = run_of(start(kind=kind), Jobs.of(read_uses([record(State=state)])), NOW)
        return run.kind, run.failed

    assert failed(None) == (None, False) and failed("idle") == ("idle", False)
    assert failed("memory") == ("memory", True) and failed("network") == ("network", True)
    assert failed(None, "NODE_FAIL") == ("node", True)
    assert failed(None, "TIMEOUT") == ("time", False)
    assert failed("stopped", "OUT_OF_MEMORY") == ("stopped", False), "the hub saw it"


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([], 0.5) is None and percentile([7], 0.95) == 7
    assert percentile([4, 1, 3, 2], 0.5) == 2 and percentile(range(1, 101), 0.95) == 95
    assert percentile([1, 2, 3], 1.0) == 3


def figures(peaks: list[int], **other: Any) -> Figures:
    made = Figures(starts=len(peaks), peaks=peaks, memory=2048, cap=4096, hours=1)
    for key, value in other.items():
        setattr(made, key, value)
    return made


@pytest.mark.parametrize(
    ("own", "verdict", "why"),
    [
        (None, "unused", "nobody"),
        (figures([500] * 19 + [2000]), "large", "at most 500M of 2G reserved; 768M would do"),
        (figures([500] * 9), "unknown", "9 of 9"),
        (figures([1500] * 20), "fits", "at most 1500M"),
        (figures([4000] * 20), "small", "the limit is 4G"),
        (figures([500] * 40, ends={"memory": 3, "time": 0}), "small", "3 of 40"),
        (figures([1500] * 20, cpus=8, cores=[1.0] * 20), "large", "1.0 of 8 CPUs"),
        (figures([1500] * 20, cpus=1, cores=[0.1] * 20), "fits", ""),
        (figures([1500] * 20, ends={"memory": 0, "time": 6}), "short", "6 of 20"),
        (figures([100] * 20, memory=256), "fits", "no smaller tier is proposed"),
    ],
)
def test_a_verdict_has_its_figures(own: Figures | None, verdict: str, why: str) -> None:
    [told] = advise(["small"], {"small": own} if own else {})
    assert told.verdict == verdict
    if verdict != "fits" or (own.cap == 4096 and own.memory == 2048):  # type: ignore[union-attr]
        assert why in told.why


@pytest.mark.parametrize(
    ("words", "first", "count"),
    [
        (("2026-01", "2026-11"), (2026, 1), 11),
        ((None, None), (2025, 12), 12),
        ((None, "2026-03"), (2025, 4), 12),
        (("2026-11", None), (2026, 11), 1),
    ],
)
def test_months(words: tuple[str | None, str | None], first: tuple[int, int], count: int) -> None:
    months = read_months(*words, datetime(2026, 11, 29))
    assert months[0] == first and len(months) == count


@pytest.mark.parametrize("words", [("2026-13", None), ("26-1", None), ("2027-01", "2026-01"),
                                   ("2020-01", "2026-01"), (None, "x; rm")])  # fmt: skip
def test_what_are_no_months_is_refused(words: tuple[str | None, str | None]) -> None:
    with pytest.raises(BadInput):
        read_months(*words, datetime(2026, 11, 29))


def demo() -> Site:
    return load_site(Path(__file__).parents[3] / "config/sites/demo.yml")


def test_page_and_csv_name_no_user_load_nothing_and_escape_what_is_written() -> None:
    evil = "<script>'\"&"
    starts = [start(tag=f"{n:016}", user=f"secret{n}", tier="small") for n in range(3)]
    starts.append(start(tag="e" * 16, tier=evil, kind="memory", listening=1063.0, job=None))
    uses = read_uses([record(), step()])
    months = read_months("2000-01", "2000-01", datetime(2026, 1, 1))
    begin = at(2000, 1, 5)
    starts = [replace(s, intended=begin, listening=begin + 9.0, ended=begin + 99.0) for s in starts]
    made = make_report(["small", "large"], starts, uses, months, NOW)
    page = as_html(demo(), made, datetime(2026, 1, 1))
    assert "secret" not in page and evil not in page and "&lt;script" in page
    assert not re.search(r"(?:src|href)=|url\(|@import|https?:", page)
    assert "<svg" in page and "xmlns" not in page
    assert "4 servers are not in Slurm" in page and "never used" in page
    rows = list(csv.DictReader(as_csv(made).splitlines()))
    assert [(row["tier"], row["month"], row["starts"]) for row in rows] == [
        ("small", "2000-01", "3"),
        ("small", "all", "3"),
        ("large", "all", "0"),
        (evil, "2000-01", "1"),
        (evil, "all", "1"),
    ]
    assert rows[-1]["ends"] == "memory:1" and rows[-1]["failures"] == "1"
    assert as_html(demo(), make_report([], [], [], months, NOW), datetime(2026, 1, 1))


def test_the_ledger_keeps_what_the_report_counts_when_it_forgets_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    choice = {"tier": "small", "memory": 1000, "cap": 5000, "cpus": 2, "tasks": 3, "nodes": 2}
    tag = ledger.record_intent("alice", "", "token", choice, account="a1", uid=1001)
    ledger.record_job(tag, "12")
    ledger.add_idle([tag, "f" * 16], 300)
    ledger.add_idle([tag], 300)
    ledger.end(tag, {"kind": "memory", "what": "x"})
    before = ledger.usage(0, NOW * 2)
    assert [(u.tier, u.memory, u.cap, u.cpus, u.kind, u.idle) for u in before] == [
        ("small", 2000, 10000, 12, "memory", 600)
    ]
    monkeypatch.setattr("sitekit.hub.ledger.ledger.KEEP", -1)
    ledger.record_intent("bob", "", None, {"tier": "large"})
    assert ledger.row(tag) is None
    assert [u for u in ledger.usage(0, NOW * 2) if u.tag == tag] == before
    assert ledger.usage(0, before[0].intended) == []
    monkeypatch.setattr("sitekit.hub.ledger.starts_and_idle_time.KEPT", -1)
    ledger.record_intent("bob", "", None, {"tier": "large"})
    assert not [u for u in ledger.usage(0, NOW * 2) if u.tag == tag]
    assert os.path.getsize(tmp_path / "ledger.sqlite")
