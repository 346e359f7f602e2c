"""Plan which kernels `make kernels` publishes, and return the rows of its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..site import Site
from .discovery.candidate import Note
from .generations.kernel import Kernel
from .generations.record import Record
from .proof.probe import Failure
from .report import Row


@dataclass
class Plan:
    """Hold the published kernels and the wanted kernels, before any kernel is started.

    `record` describes the published kernels. `wanted` holds the kernels to publish, by id. `fresh`
    holds those of them that are new or changed. `lost` holds the published kernels that already
    failed in discovery or probe, with the reason by id. `quiet` holds the candidates that have no
    kernel in them. `listed` holds the ids that kernels.yml names without a wildcard.
    """

    record: Record
    wanted: dict[str, Kernel]
    fresh: list[Kernel]
    failures: list[Failure]
    notes: list[Note]
    quiet: dict[str, Any]
    listed: set[str]
    lost: dict[str, str]

    @property
    def old(self) -> Mapping[str, Kernel]:
        """Return the published kernels by id."""
        return self.record.kernels

    @property
    def changes_nothing(self) -> bool:
        """Return whether the wanted and the lost kernels are the same as in the last run.

        A kernel that was lost in the last run has an empty key (see lost.py).
        """
        before = {name: self.old[name] for name in self.lost if not self.old[name].key}
        return {**self.wanted, **before} == self.old


def code_of(rows: list[Row]) -> int:
    """Return the exit code, which is 1 if a row that counts is a failure."""
    return (
        1
        if any(row.counts and row.status in ("FAILED", "kept", "hidden", "flagged") for row in rows)
        else 0
    )


def rows_of(site: Site, plan: Plan, kept: dict[str, Kernel], failed: dict[str, str]) -> list[Row]:
    """Return a row for each wanted kernel, each failure, each note, and each lost old kernel."""
    fresh = {kernel.id for kernel in plan.fresh}
    counting = plan.listed | plan.old.keys()
    rows = []
    for kernel in plan.wanted.values():
        why = failed.get(kernel.id, "")
        if kernel.id not in fresh and kernel.id in plan.record.failing:
            why = f"{plan.record.failing[kernel.id]}\n`make kernels_check` found this, and will try it again."
        status = (
            "unchanged"
            if kernel.id not in fresh
            else "changed"
            if kernel.id in plan.old
            else "added"
        )
        detail = f"{kernel.label}: {kernel.detail}"
        rows.append(
            Row(
                "FAILED" if why else status,
                kernel.id,
                kernel.shown,
                detail,
                why,
                kernel.id in counting,
            )
        )
    for failure in plan.failures:
        counts = failure.candidate.id in counting
        status = "FAILED" if failure.broken or counts else "skipped"
        rows.append(
            Row(status, failure.candidate.id, failure.candidate.label, "", failure.reason, counts)
        )
    rows += [Row(note.status, "", note.label, "", note.reason, note.listed) for note in plan.notes]
    return [*rows, *_rows_of_the_offered(site, plan, kept, failed)]


def _rows_of_the_offered(
    site: Site, plan: Plan, kept: dict[str, Kernel], failed: dict[str, str]
) -> Iterator[Row]:
    """Yield a row for each published kernel that fails, is kept in its old form, or is removed."""
    shown = {"hide": "hidden", "flag": "flagged"}[site.kernels.check.on_failure]
    explained = {failure.candidate.id for failure in plan.failures}
    for kernel in plan.old.values():
        if kernel.id in kept:
            yield Row(
                "kept", kernel.id, kernel.shown, "still offered as it last worked", counts=True
            )
        elif kernel.id in failed or kernel.id in plan.lost:
            why = "" if kernel.id in explained else plan.lost.get(kernel.id, "")
            yield Row(
                shown,
                kernel.id,
                kernel.shown,
                f"{kernel.label}: {shown} until it works",
                why,
                counts=True,
            )
        elif kernel.id not in plan.wanted:
            yield Row("removed", kernel.id, kernel.shown, f"{kernel.label}: no longer a candidate")
