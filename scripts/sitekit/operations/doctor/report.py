"""Write the result of `make doctor` as text, as JSON, and as a JUnit file for a CI system."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ...base.finding import Finding, Severity
from .run_checks import Result, ranked, worst

LONGEST = 400
_MARKS = {Severity.ERROR: "!!", Severity.WARNING: " !", Severity.NOTE: " i"}


def plain(text: str) -> str:
    """Return a text as one short line without control characters. Users or jobs may have written
    the text, and control characters could change the terminal's output."""
    line = " ".join(text.split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def as_text(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of the report. The text lists each cause with its consequences, then
    everything that could not be examined, and then a summary."""
    causes = ranked(results)
    for number, cause in enumerate(causes):
        if number:
            yield ""
        yield from _cause(cause)
    if unseen := list(_unseen(results)):
        yield ""
        yield "Not looked at:"
        yield from unseen
    yield ""
    yield summary(results)


def _cause(result: Result) -> Iterator[str]:
    """Yield the lines about one result that is a cause, and below them the lines about its
    consequences."""
    for one in result.found:
        yield f"{_MARKS[one.severity]} {plain(_sentence(one))}   [{result.check.id}]"
        yield f"   why: {plain(one.why or result.check.why)}"
        yield f"   -> {plain(one.remedy or result.check.remedy)}"
    found = [one for one in result.consequences if one.found]
    skipped = [one.check.id for one in result.consequences if not one.found]
    if found:
        yield "   Probable consequences:"
    for consequence in found:
        for one in consequence.found:
            yield f"     - {plain(_sentence(one))}   [{consequence.check.id}]"
    if skipped:
        yield f"   Not checked because of it: {', '.join(skipped)}"


def _sentence(one: Finding) -> str:
    return f"{one.where}: {one.what}" if one.where else one.what


def _unseen(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines about everything that could not be examined, with the reasons. A reason that
    several checks have in common is printed only once."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.skipped == "root":
            reasons.setdefault("needs root: sudo make doctor", []).append(result.check.id)
        elif result.skipped == "nodes":
            reasons.setdefault("needs a short job: NODES=1", []).append(result.check.id)
        for one in result.findings:
            if one.severity is Severity.UNSEEN and not result.cause:
                text = f"{one.what} -> {one.remedy}" if one.remedy else one.what
                reasons.setdefault(text, []).append(result.check.id)
    for reason, ids in reasons.items():
        yield f"    {plain(reason)}   [{', '.join(dict.fromkeys(ids))}]"


def summary(results: Sequence[Result]) -> str:
    """Return one line with the numbers of errors, warnings and checks."""
    looked = [result for result in results if not result.skipped]
    counts = {
        word: sum(one.severity is severity for result in results for one in result.found)
        for word, severity in (
            ("errors", Severity.ERROR),
            ("warnings", Severity.WARNING),
            ("notes", Severity.NOTE),
        )
    }
    seconds = sum(result.seconds for result in results)
    mark = " ok" if worst(results) <= Severity.NOTE else " !!"
    told = ", ".join(f"{number} {word}" for word, number in counts.items())
    return f"{mark} {len(looked)} of {len(results)} checks in {seconds:.1f} s: {told}"


def as_json(results: Sequence[Result]) -> str:
    """Return a JSON text with two lists: the causes, in the same order as in the text output, and
    the results of all checks."""
    document = {
        "version": 1,
        "severity": worst(results).name.lower(),
        "causes": [_as_dict(cause) for cause in ranked(results)],
        "checks": [_as_dict(result, deep=False) for result in results],
    }
    return json.dumps(document, indent=1)


def _as_dict(result: Result, deep: bool = True) -> dict[str, Any]:
    """Return the result of one check as a dictionary for the JSON output. If `deep` is true, the
    dictionary also contains the consequences of the result."""
    told: dict[str, Any] = {
        "id": result.check.id,
        "severity": result.severity.name.lower(),
        "looks_at": result.check.looks_at,
        "findings": [
            {
                "severity": one.severity.name.lower(),
                "what": plain(one.what),
                "where": plain(one.where),
                "why": plain(one.why or result.check.why),
                "remedy": plain(one.remedy or result.check.remedy),
            }
            for one in result.findings
        ],
        "skipped": result.skipped,
        "cause": result.cause,
        "seconds": round(result.seconds, 3),
    }
    if deep:
        told["consequences"] = [_as_dict(one, deep=False) for one in result.consequences]
    return told


def as_junit(results: Sequence[Result]) -> str:
    """Return the results in JUnit's XML format. A check with an error or a warning counts as a
    failure in the JUnit file."""
    cases = "".join(map(_case, results))
    failures = sum(result.severity >= Severity.WARNING for result in results)
    skipped = sum(bool(result.skipped) for result in results)
    head = f'name="make doctor" tests="{len(results)}" failures="{failures}" skipped="{skipped}"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuite {head}>\n{cases}</testsuite>\n'


def _case(result: Result) -> str:
    """Return one result as a `testcase` element of JUnit's XML format."""
    subject, _, name = result.check.id.partition(".")
    head = f"<testcase classname={quoteattr(subject)} name={quoteattr(name)}"
    head += f' time="{result.seconds:.3f}">'
    inner = ""
    if result.skipped:
        inner = f"<skipped message={quoteattr(result.cause or result.skipped)}/>"
    elif result.severity >= Severity.WARNING:
        lines = [
            f"{plain(_sentence(one))} -> {plain(one.remedy or result.check.remedy)}"
            for one in result.found
        ]
        first = quoteattr(lines[0])
        inner = f"<failure message={first}>{escape(chr(10).join(lines))}</failure>"
    return f"{head}{inner}</testcase>\n"
