"""Write the usage report as an HTML page and as CSV. The page loads no other files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...base.templates import page_templates
from ...site import Site
from .advice import Advice
from .chart_shapes import Chart, rows, stacked
from .compute_figures import Figures, percentile
from .months import Month, name

COLUMNS = (
    *("tier", "month", "users", "starts", "not_started", "hours", "cpu_hours"),
    *("cpu_hours_measured", "cpu_hours_used", "gpu_hours", "idle_hours", "wait_p50_seconds"),
    *("wait_p95_seconds", "memory_reserved_mib", "memory_limit_mib", "memory_measured"),
    *("memory_p50_mib", "memory_p95_mib", "memory_max_mib", "failures", "ends"),
)


@dataclass(frozen=True)
class Report:
    """The contents of the report. The field `tiers` has the site's tiers in the order of site.yml,
    followed by tiers that no longer exist."""

    months: Sequence[Month]
    tiers: Sequence[str]
    monthly: Mapping[tuple[str, Month], Figures]
    total: Mapping[str, Figures]
    advice: Sequence[Advice]
    notes: Sequence[str]


def as_csv(report: Report) -> str:
    """Return the figures of each tier in each month as CSV. Rows about the whole period have the
    month `all`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for tier in report.tiers:
        for month in report.months:
            if own := report.monthly.get((tier, month)):
                writer.writerow([tier, name(month), *_values(own)])
        writer.writerow([tier, "all", *_values(report.total.get(tier, Figures()))])
    return text.getvalue()


def _values(own: Figures) -> list[object]:
    hours = (own.hours, own.cpu_hours, own.measured_cpu_hours, own.used_cpu_hours, own.gpu_hours)
    peaks = [percentile(own.peaks, share) for share in (0.5, 0.95, 1.0)]
    return [
        len(own.users),
        own.starts,
        own.not_started,
        *(f"{value:.4f}" for value in (*hours, own.idle_hours)),
        *(_rounded(percentile(own.waits, share)) for share in (0.5, 0.95)),
        own.memory or "",
        own.cap or "",
        len(own.peaks),
        *(_rounded(peak) for peak in peaks),
        sum(own.failures.values()),
        " ".join(f"{kind}:{count}" for kind, count in sorted(own.ends.items())),
    ]


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def as_html(site: Site, report: Report, now: datetime) -> str:
    """Return the HTML page. The template escapes every text."""
    titles = {tier.key: tier.title for tier in site.tiers}
    used = [tier for tier in report.tiers if tier in report.total]
    template = page_templates("config/templates").get_template("report.html.j2")
    return template.render(
        site=site,
        first=name(report.months[0]),
        last=name(report.months[-1]),
        made=now.astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        rows=[_row(tier, titles, report) for tier in report.tiers],
        advice=report.advice,
        notes=report.notes,
        charts=charts(report, used),
        users=len(set().union(*(own.users for own in report.total.values()))),
    )


def _row(tier: str, titles: Mapping[str, str], report: Report) -> dict[str, Any]:
    """Return the row of a tier, for the table about the whole period."""
    own = report.total.get(tier, Figures())
    return {
        "tier": tier,
        "title": titles.get(tier, ""),
        "own": own,
        "users": len(own.users),
        "failures": sum(own.failures.values()),
        "wait": [percentile(own.waits, share) for share in (0.5, 0.95)],
        "peak": [percentile(own.peaks, share) for share in (0.5, 0.95)],
    }


def charts(report: Report, used: Sequence[str]) -> list[Chart]:
    """Return the charts of the page. A chart without values is omitted."""
    if not used:
        return []
    total = [report.total[tier] for tier in used]
    columns = [name(month) for month in report.months]

    def monthly(what: str) -> dict[str, list[float]]:
        """Return the figure with the name `what` for each tier: tier -> list with one value for
        each month."""
        none = Figures()
        return {
            tier: [
                getattr(report.monthly.get((tier, month), none), what) for month in report.months
            ]
            for tier in used
        }

    kinds = sorted({kind for own in total for kind in own.ends})
    drawn = [
        stacked("Hours of servers", "hours", columns, monthly("hours")),
        rows(
            "Waiting time in the queue",
            "s",
            used,
            {
                "95 % waited at most": [percentile(own.waits, 0.95) for own in total],
                "half waited at most": [percentile(own.waits, 0.5) for own in total],
            },
        ),
        rows(
            "Memory of a server",
            "MiB",
            used,
            {
                "reserved": [own.memory for own in total],
                "95 % used at most": [percentile(own.peaks, 0.95) for own in total],
                "half used at most": [percentile(own.peaks, 0.5) for own in total],
            },
        ),
        rows(
            "CPU time",
            "hours",
            used,
            {
                "reserved": [own.measured_cpu_hours or None for own in total],
                "used": [own.used_cpu_hours or None for own in total],
            },
        ),
    ]
    if kinds:
        counts = {"servers": [float(sum(own.ends[kind] for own in total)) for kind in kinds]}
        drawn.append(
            rows("How servers ended, if their users did not stop them", "servers", kinds, counts)
        )
    if any(own.gpu_hours for own in total):
        drawn.append(stacked("Hours of GPUs", "hours", columns, monthly("gpu_hours")))
    return drawn
