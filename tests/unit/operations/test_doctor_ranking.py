"""Causes come first, consequences below them, and no check hides another one."""

from __future__ import annotations

import json
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.base.errors import BadInput, Problem
from sitekit.base.finding import Finding, Severity, note, unseen, warning
from sitekit.machine.host.platform import platforms
from sitekit.operations.doctor.check import Check
from sitekit.operations.doctor.commands import EXIT, parse, selected
from sitekit.operations.doctor.context import Context, Unanswered
from sitekit.operations.doctor.list_of_checks import CHECKS, SUBJECTS, page
from sitekit.operations.doctor.report import as_json, as_junit, as_text, plain
from sitekit.operations.doctor.run_checks import Result, ranked, run_checks, worst
from sitekit.site import load_site

TOP = Path(__file__).parents[3]


@pytest.fixture
def here() -> Context:
    site = load_site(TOP / "config/sites/demo.yml")
    return Context(site, platforms()["debian"], "alice", root=True)


def check(name: str, *findings: Finding | Exception, **options: object) -> Check:
    """A check that yields these findings, and then raises, if the last one is an exception."""

    def look(_: Context) -> Iterator[Finding]:
        for one in findings:
            if isinstance(one, Exception):
                raise one
            yield one

    return Check(name, "looks", "why", "remedy", look, **options)  # type: ignore[arg-type]


def ids(results: list[Result]) -> list[str]:
    return [result.check.id for result in results]


def test_a_check_that_fails_is_a_finding_and_hides_no_other(here: Context) -> None:
    checks = [
        check("a.crash", warning("before"), ValueError("oh")),
        check("a.silent", Unanswered("nobody answers")),
        check("a.closed", PermissionError(13, "Permission denied", "/root/x")),
        check("a.problem", Problem("no", "there", "do this")),
        check("a.last", Finding("wrong")),
    ]
    crash, silent, closed, problem, last = run_checks(checks, here)
    assert [one.what for one in crash.findings] == [
        "before",
        "the check itself failed: ValueError: oh",
    ]
    assert crash.severity is Severity.ERROR
    assert silent.found == []
    assert silent.findings == [unseen("nobody answers")]
    assert closed.findings == [unseen("/root/x may not be read by this account")]
    assert problem.found == [Finding("no", "there", "do this", examined=False)]
    assert last.found == [Finding("wrong")]


def test_a_check_that_hangs_is_given_up(here: Context) -> None:
    forever = threading.Event()

    def hang(_: Context) -> Iterator[Finding]:
        yield warning("the first part")
        forever.wait()

    for seconds in (0.2, 2, 20):  # a slow machine needs them for the first part
        hangs = Check("a.hangs", "looks", "why", "remedy", hang, seconds=seconds)
        first, second = run_checks([hangs, check("a.next", note("here"))], here)
        if first.findings[0].what == "the first part":
            break
    forever.set()
    assert first.findings[0].what == "the first part"
    assert f"did not end within {seconds} s" in first.findings[1].what
    assert second.found == [note("here")]


def test_a_query_that_hung_is_not_waited_for_again(here: Context) -> None:
    with pytest.raises(KeyError):
        here.once("a query", lambda: {}["nothing"])
    with pytest.raises(Unanswered, match="no answer in time"):
        here.once("a query", lambda: "another answer")


def test_consequences_are_folded_below_the_first_cause(here: Context) -> None:
    checks = [
        check("a.disk", Finding("full")),
        check("a.database", Finding("not written"), follows=("a.disk",)),
        check("a.hub", Finding("stopped"), follows=("a.other", "a.database")),
        check("a.page", needs=("a.hub",)),
        check("a.deep", needs=("a.page",)),
        check("a.other", warning("old")),
    ]
    results = run_checks(checks, here)
    first, second = ranked(results)
    assert first.check.id == "a.disk"
    assert ids(first.consequences) == ["a.database", "a.hub", "a.page", "a.deep"]
    assert [one.skipped for one in first.consequences] == ["", "", "cause", "cause"]
    assert second.check.id == "a.other"
    text = "\n".join(as_text(results))
    assert text.index("full") < text.index("not written") < text.index("stopped")
    assert "Not checked because of it: a.page, a.deep" in text


def test_a_warning_explains_no_error(here: Context) -> None:
    checks = [
        check("a.low", warning("low")),
        check("a.away", Finding("away"), follows=("a.low",)),
        check("a.runs", note("runs"), needs=("a.low",)),
    ]
    assert ids(ranked(run_checks(checks, here))) == ["a.away", "a.low", "a.runs"]


def test_an_error_that_explains_others_is_first(here: Context) -> None:
    checks = [
        check("a.one", Finding("one")),
        check("a.two", Finding("two")),
        check("a.three", Finding("three"), follows=("a.two",)),
    ]
    assert ids(ranked(run_checks(checks, here))) == ["a.two", "a.one"]


def test_what_needs_root_or_a_job_is_named(here: Context) -> None:
    here.root = False
    checks = [
        check("a.root", Finding("secret"), root=True),
        check("a.job", Finding("far"), nodes=True),
        check("a.none", Finding("absent"), applies=lambda site: False),
        check("a.half", unseen("the directory is silent", "ask it")),
    ]
    results = run_checks(checks, here)
    assert worst(results) is Severity.UNSEEN
    text = "\n".join(as_text(results))
    assert "needs root: sudo make doctor   [a.root]" in text
    assert "needs a short job: NODES=1   [a.job]" in text
    assert "the directory is silent -> ask it   [a.half]" in text
    assert "a.none" not in text


def test_text_from_outside_stays_on_one_line(here: Context) -> None:
    ugly = "node1\x1b[2J down\nfake: all is well\r" + "x" * 1000
    assert "\x1b" not in plain(ugly) and "\n" not in plain(ugly) and len(plain(ugly)) == 400
    results = run_checks([check("a.node", Finding(ugly))], here)
    assert not any("\x1b" in line or "\n" in line for line in as_text(results))
    assert "\x1b" not in as_json(results)
    failure = ET.fromstring(as_junit(results)).find("testcase/failure")  # noqa: S314  (our own)
    assert failure is not None and "fake" in failure.attrib["message"]


def test_json_and_junit_have_every_check(here: Context) -> None:
    checks = [
        check("a.disk", Finding("full", "/var", "remove <files> & logs")),
        check("a.hub", needs=("a.disk",)),
        check("b.fine"),
        check("b.hint", note("small")),
    ]
    results = run_checks(checks, here)
    told = json.loads(as_json(results))
    assert told["severity"] == "error"
    assert [cause["id"] for cause in told["causes"]] == ["a.disk", "b.hint"]
    assert told["causes"][0]["findings"][0]["remedy"] == "remove <files> & logs"
    assert [one["id"] for one in told["checks"]] == ["a.disk", "a.hub", "b.fine", "b.hint"]
    suite = ET.fromstring(as_junit(results))  # noqa: S314  (our own)
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("4", "1")
    assert suite.attrib["skipped"] == "1"


def test_the_exit_code_follows_from_the_worst_finding() -> None:
    assert EXIT == {Severity.ERROR: 1, Severity.WARNING: 3}


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("CHEK=slurm", "no variable"),
        ("slurm", "no variable"),
        ("JSON=yes", "neither 0 nor 1"),
        ("NODES=2", "neither 0 nor 1"),
        ("SECONDS=0", "no number"),
        ("SECONDS=-3", "no number"),
        ("USER=nobody-of-this-name", "no account"),
        ("USER=-x", "no account"),
        ("JUNIT=/nowhere/at/all/file.xml", "is no folder"),
        ("OSV=/nowhere/osv.zip", "no such file"),
        ("OSV=http://mirror.example.org/osv.zip", "without TLS"),
    ],
)
def test_a_wrong_variable_is_refused(word: str, what: str) -> None:
    with pytest.raises(BadInput, match=what):
        parse([word])


def test_checks_are_chosen_by_id_or_subject() -> None:
    slurm = selected(CHECKS, parse(["CHECK=slurm,state.space"]).checks)
    assert {one.id.partition(".")[0] for one in slurm} == {"slurm", "state"}
    assert [one.id for one in slurm if one.id.startswith("state")] == ["state.space"]
    with pytest.raises(BadInput, match=r"no check 'slrm'"):
        selected(CHECKS, ("slrm",))


def test_each_check_says_everything() -> None:
    names = [one.id for one in CHECKS]
    assert len(names) == len(set(names)) >= 80
    for one in CHECKS:
        assert one.looks_at and one.why and one.remedy, one.id
        assert not {text[-1] for text in (one.looks_at, one.why)} & set(".:;"), one.id
        assert all(known in names for known in (*one.needs, *one.follows)), one.id
        before = names[: names.index(one.id)]
        assert all(known in before for known in one.needs), f"{one.id} runs before what it needs"
    assert len({subject.name for subject in SUBJECTS}) == len(SUBJECTS)


def test_the_page_lists_the_checks(request: pytest.FixtureRequest) -> None:
    path, mark = TOP / "docs/doctor.md", "<!-- The rest of this page is generated. -->\n"
    text = path.read_text()
    if request.config.getoption("--update-golden"):
        path.write_text(text.partition(mark)[0] + mark + page())
        text = path.read_text()
    assert text.partition(mark)[2] == page()
