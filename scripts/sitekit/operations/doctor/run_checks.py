"""Run the checks of `make doctor` in order, each within a time limit, and sort the findings by
severity and cause."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...backends.start_and_job_records import NoAnswer
from ...base.errors import Problem, as_problem
from ...base.finding import Finding, Severity, unseen
from .check import Check
from .context import Context, Unanswered

HANGS = "look for programs in state D: ps axl"
OUR_FAULT = "this is a fault in sitekit; please report it"
ALL_SECONDS = 30.0
"""The time limit in seconds of all checks together. After this time, no further check begins,
except the checks that need the test job on the nodes (NODES=1)."""


@dataclass
class Result:
    """A check with its findings.

    `skipped` is the reason why the check did not run. `cause` is the id of the check whose errors
    explain these findings. `consequences` are the results of other checks that these findings
    explain.
    """

    check: Check
    findings: list[Finding] = field(default_factory=list)
    skipped: str = ""
    seconds: float = 0.0
    cause: str = ""
    consequences: list[Result] = field(default_factory=list)

    @property
    def severity(self) -> Severity:
        """Return the worst severity of the findings; UNSEEN if there are no findings."""
        return max((one.severity for one in self.findings), default=Severity.UNSEEN)

    @property
    def found(self) -> list[Finding]:
        """Return all findings except those with the severity UNSEEN, the worst first."""
        seen = [one for one in self.findings if one.severity is not Severity.UNSEEN]
        return sorted(seen, key=lambda one: -one.severity)


def run_checks(
    checks: Sequence[Check], here: Context, seconds: float = ALL_SECONDS
) -> list[Result]:
    """Run the checks in order, and return the result of each check.

    If the code of a check fails, the other checks still run. After `seconds`, no further check is
    started, except the checks of NODES=1. If `seconds` is larger than ALL_SECONDS, the time limit
    of each check is longer by the same factor.
    """
    results: dict[str, Result] = {}
    end = time.monotonic() + seconds
    here.patience = max(1.0, seconds / ALL_SECONDS)
    for check in checks:
        result = results[check.id] = Result(check)
        if not check.applies(here.site):
            result.skipped = "the site has none"
        elif check.nodes and not here.nodes:
            result.skipped = "nodes"
        elif check.root and not here.root:
            result.skipped = "root"
        elif cause := _cause(check.needs, results):
            result.cause, result.skipped = cause, "cause"
        elif not check.nodes and time.monotonic() > end:
            result.findings = [unseen(f"the {seconds:g} s for all checks were over", "SECONDS=120")]
        else:
            _run(check, here, result, check.seconds * here.patience)
    for result in results.values():
        if result.found and not result.cause:
            result.cause = _cause(result.check.follows, results)
    return list(results.values())


def _cause(ids: Iterable[str], results: dict[str, Result]) -> str:
    """Look in `ids` for a check that has an error, or that did not run because of another check's
    error. Return the id of the check that has this error, or "" if there is no error."""
    for name in ids:
        known = results.get(name)
        if known and known.severity is Severity.ERROR:
            return name
        if known and known.skipped == "cause":
            return known.cause
    return ""


def _run(check: Check, here: Context, result: Result, seconds: float) -> None:
    """Run one check in a thread.

    If the check does not end within `seconds`, its thread continues in the background. The result
    then has the findings before the time limit, and a finding about the time limit. The checks of
    NODES=1 have no such time limit.
    """
    found: list[Finding] = []
    thread = threading.Thread(target=_collect, args=(check, here, found), daemon=True)
    begin = time.monotonic()
    thread.start()
    thread.join(None if check.nodes else seconds)
    result.seconds = time.monotonic() - begin
    result.findings = list(found)
    if thread.is_alive():
        what = f"the check did not end within {seconds:g} s: a file system or a service hangs"
        result.findings.append(Finding(what, remedy=HANGS, examined=False))


def _collect(check: Check, here: Context, found: list[Finding]) -> None:
    """Run a check, and append its findings to `found` one after the other. If the check raises an
    error, append a finding about this error."""
    try:
        for one in check.look(here):
            found.append(one)
    except Unanswered as silence:
        found.append(unseen(str(silence)))
    except NoAnswer as silence:
        found.append(unseen(str(silence)))
    except PermissionError as closed:
        what = f"{closed.filename or 'something'} may not be read by this account"
        found.append(unseen(what, "" if here.root else "sudo make doctor"))
    except (Problem, OSError) as trouble:
        problem = as_problem(trouble)
        found.append(
            Finding(problem.what, problem.where or "", problem.remedy or "", examined=False)
        )
    except Exception as fault:
        what = f"the check itself failed: {type(fault).__name__}: {fault}"
        found.append(Finding(what, remedy=OUR_FAULT, examined=False))


def ranked(results: Sequence[Result]) -> list[Result]:
    """Return the causes, each with its consequences, in the order in which the administrator should
    repair them.

    Errors are before warnings, and errors that explain other findings are before all other errors.
    Results with the same rank are in the order in which the checks run.
    """
    by_id = {result.check.id: result for result in results}
    tops = []
    for result in results:
        result.consequences = []
    for result in results:
        if result.cause:
            top = by_id[_root(result.cause, by_id)]
            top.consequences.append(result)
        elif result.found:
            tops.append(result)
    return sorted(tops, key=_rank)


def _root(name: str, by_id: dict[str, Result]) -> str:
    """Return the id of the first cause. The function begins at the check `name`, and goes from each
    check to its cause, until a check has no cause."""
    seen = {name}
    while (up := by_id[name].cause) and up not in seen:
        seen.add(up)
        name = up
    return name


def _rank(result: Result) -> tuple[int, bool]:
    return -result.severity, result.severity is Severity.ERROR and not result.consequences


def worst(results: Iterable[Result]) -> Severity:
    """Return the worst severity of all results."""
    return max((result.severity for result in results), default=Severity.UNSEEN)
