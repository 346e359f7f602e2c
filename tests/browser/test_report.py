"""The report of use, a page in a file: without faults of accessibility, and as a picture for the docs."""

from __future__ import annotations

from datetime import datetime
from random import Random

from playwright.sync_api import Page, expect

from sitekit.operations.usage_report.advice import advise
from sitekit.operations.usage_report.commands import NOTES
from sitekit.operations.usage_report.figures import by_month, in_all
from sitekit.operations.usage_report.match_jobs import Run, Span
from sitekit.operations.usage_report.page import Report, as_html
from sitekit.site import load_site

from ..conftest import CHECKOUT
from .accessible import require_accessible
from .conftest import Picture

HOUR = 3600.0
TIERS = {"long": 400, "small": 120, "medium": 90, "large": 60}
"""The tiers of the site that are used, each with a number of servers."""
ENDS = [None] * 12 + ["idle"] * 6 + ["time"] * 2 + ["memory", "node"]


def run_of(chance: Random, tier: str, memory: int, begin: float, days: int) -> Run:
    """Return a start of a server, on a random day and with random figures."""
    at = begin + chance.uniform(0, days * 24 * HOUR)
    hours, waited = chance.uniform(0.5, 9), chance.expovariate(1 / 300)
    return Run(
        tier=tier,
        user=f"user{chance.randrange(90)}",
        asked=at - waited,
        spans=(Span(at, at + hours * HOUR, hours * HOUR, 2, 0),),
        waited=waited,
        memory=memory,
        cap=5 * memory,
        cpus=2,
        peak_memory=round(memory * chance.lognormvariate(-0.6, 0.5)),
        cpu_seconds=hours * HOUR * chance.uniform(0.1, 0.8),
        idle=hours * HOUR * chance.uniform(0, 0.5),
        kind=chance.choice(ENDS),
        accounted=True,
    )


def test_the_report_of_a_year(page: Page, picture: Picture) -> None:
    site = load_site(CHECKOUT / "config/sites/triton.yml")
    months = [(2026, number) for number in range(1, 7)]
    chance, begin = Random(1), datetime(2026, 1, 1).timestamp()  # noqa: S311  (not secret)
    runs = [
        run_of(chance, key, site.tier(key).memory, begin, 178)
        for key, count in TIERS.items()
        for _ in range(count)
    ]
    total, tiers = in_all(runs, months), [tier.key for tier in site.tiers]
    report = Report(months, tiers, by_month(runs, months), total, advise(tiers, total), NOTES)
    page.set_content(as_html(site, report, datetime(2026, 7, 1, 12)))
    expect(page.get_by_role("heading", name="Tiers in the whole period")).to_be_visible()
    picture(page, "report", 1180)
    require_accessible(page, "report")
