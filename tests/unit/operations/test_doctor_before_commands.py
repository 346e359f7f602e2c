"""The checks of an apply are checks of the doctor, and those of the doctor that concern an apply or
a start are made before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sitekit.base.data_files import data
from sitekit.base.errors import BadInputs
from sitekit.base.finding import Finding, Severity, note, unseen, warning
from sitekit.machine.checks.preconditions import preconditions
from sitekit.machine.checks.run_checks import SUBJECTS, refusals
from sitekit.operations.doctor import before_commands
from sitekit.operations.doctor.check import Check
from sitekit.operations.doctor.list_of_checks import CHECKS
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))
IDS = {check.id for check in CHECKS}


def test_the_doctor_has_each_check_of_an_apply(tmp_path: Any) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=debian\nVERSION_ID=12\n")
    assert set(preconditions(SITE, tmp_path)) <= IDS
    assert set(SUBJECTS) <= IDS


def test_no_check_before_a_command_tells_to_run_the_same_command() -> None:
    """Otherwise an error would refuse what repairs it."""
    for check in CHECKS:
        assert set(check.before) <= {"apply", "start"}
        for command in check.before:
            only = f"sudo make {command}"
            assert check.remedy != only, check.id
    asked = {command: [c for c in CHECKS if command in c.before] for command in ("apply", "start")}
    assert len(asked["apply"]) >= 10 and len(asked["start"]) >= 15
    assert not any(check.nodes for checks in asked.values() for check in checks)


def a_check(name: str, *findings: Finding, before: tuple[str, ...] = ("start",)) -> Check:
    def look(_: Any) -> Iterator[Finding]:
        yield from findings

    return Check(name, "it", "for this reason", "mend it", look, before=before)


CHECKS_HERE = [
    a_check("state.one", Finding("the state is full", "/var")),
    a_check("state.two", Finding("the key is gone"), warning("the key is old", "/etc/key")),
    a_check("state.three", unseen("only root can see it"), note("by the way")),
    a_check("state.four", Finding("not about a start"), before=("apply",)),
]


def test_a_start_names_all_errors_and_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[Any] = []
    monkeypatch.setattr(before_commands, "CHECKS", CHECKS_HERE)
    monkeypatch.setattr(before_commands, "need_root", lambda _: None)
    monkeypatch.setattr(before_commands.running, "start", lambda site: started.append(site) or 0)
    with pytest.raises(BadInputs) as refused:
        before_commands.start(SITE)
    assert refused.value.exit_code == 2 and not started
    told = [(one.what, one.where, one.remedy) for one in refused.value.problems]
    assert told == [
        ("the state is full", "/var", "mend it"),
        ("the key is gone", "state.two", "mend it"),
    ]
    assert " !! /etc/key: the key is old" in capsys.readouterr().out

    monkeypatch.setattr(before_commands, "CHECKS", CHECKS_HERE[2:])
    assert before_commands.start(SITE) == 0 and started == [SITE]


def test_a_check_does_not_run_before_the_command_makes_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before the first apply, there is no folder of the state."""
    missing = a_check("state.folder", Finding("it is not there"), before=())
    full = a_check("state.space", Finding("it is full"), before=("apply",))
    checks = [missing, replace(full, needs=("state.folder",))]
    monkeypatch.setattr(before_commands, "CHECKS", checks)
    assert before_commands.findings_before("apply", SITE) == []


def test_a_check_that_does_not_end_refuses_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a name server that does not answer."""
    silent = a_check("network.name", Finding("it did not end", examined=False), before=("apply",))
    monkeypatch.setattr(before_commands, "CHECKS", [silent])
    [found] = before_commands.findings_before("apply", SITE)
    assert found.what == "it did not end" and refusals([found]) == []


def test_an_apply_gets_its_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(before_commands, "CHECKS", CHECKS_HERE)
    found = before_commands.findings_before("apply", SITE)
    assert [one.what for one in refusals(found)] == ["not about a start"]
    assert Severity.WARNING < Severity.ERROR
