"""Decide which kernels `make kernels` will publish, and build the rows of the table that `make
kernels` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..site import Site
from .discovery.list_candidates import Note
from .generations.generation_record import Record
from .generations.kernel_record import Kernel
from .result_table import Row
from .trials.probe_candidates import Failure


@dataclass
class Plan:
    """Hold the kernels that users see now, and the kernels that `make kernels` will publish if they
    start in the test.

    `wanted` maps the ids of the kernels to publish to the kernels. `lost` maps the ids of kernels
    whose modules can no longer be loaded to the reasons.
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
        return self.record.kernels

    @property
    def changes_nothing(self) -> bool:
        """Return whether `make kernels` has nothing to publish, because users already see exactly
        the wanted kernels.

        If a kernel in `lost` was not lost in the last run, return False.
        """
        before = {name: self.old[name] for name in self.lost if not self.old[name].key}
        return {**self.wanted, **before} == self.old

    def working(self, kept: dict[str, Kernel], failed: dict[str, str]) -> dict[str, Kernel]:
        """Return the kernels that work, by id.

        `kept` has the kernels that are published again in their last working version. `failed` maps
        the ids of kernels that could not be started to the reasons.
        """
        wanted = {name: kernel for name, kernel in self.wanted.items() if name not in failed}
        return wanted | kept

    def failing(self, kept: dict[str, Kernel], failed: dict[str, str]) -> dict[str, str]:
        """Return the kernels that users see now and that no longer work, as a map of kernel ids to
        reasons."""
        return {
            name: why
            for name, why in (self.lost | failed).items()
            if name in self.old and name not in kept
        }


def code_of(rows: list[Row]) -> int:
    """Return the exit code of `make kernels`. The exit code is 1 if a kernel failed that
    kernels.yml names or that users see now, otherwise 0."""
    failures = ("FAILED", "kept", "hidden", "flagged")
    return int(any(row.counts and row.status in failures for row in rows))


def rows_of(site: Site, plan: Plan, kept: dict[str, Kernel], failed: dict[str, str]) -> list[Row]:
    """Return the rows of the table: wanted kernels, failed kernels, and kernels that users see
    now."""
    fresh = {kernel.id for kernel in plan.fresh}
    counting = plan.listed | plan.old.keys()
    rows = []
    for kernel in plan.wanted.values():
        why = failed.get(kernel.id, "")
        if kernel.id not in fresh and kernel.id in plan.record.failing:
            why = f"{plan.record.failing[kernel.id]}\n`make kernels_check` found this, and will try it again."
        if kernel.id not in fresh:
            status = "unchanged"
        elif kernel.id in plan.old:
            status = "changed"
        else:
            status = "added"
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
    """Yield rows about kernels that users see now and that will change or disappear."""
    shown = {"hide": "hidden", "flag": "flagged"}[site.kernels.check.on_failure]
    reported = {failure.candidate.id for failure in plan.failures}
    for kernel in plan.old.values():
        if kernel.id in kept:
            yield Row(
                "kept", kernel.id, kernel.shown, "still offered as it last worked", counts=True
            )
        elif kernel.id in failed or kernel.id in plan.lost:
            why = "" if kernel.id in reported else plan.lost.get(kernel.id, "")
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
