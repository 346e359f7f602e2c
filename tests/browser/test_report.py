"""The page of `make report` in a browser, from an invented year: it loads nothing, it is accessible,
and it has each verdict."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from playwright.sync_api import Browser, expect

from sitekit.base.data_files import data
from sitekit.operations.usage_report.commands import make_report
from sitekit.operations.usage_report.months import read_months
from sitekit.operations.usage_report.write_report import as_html
from sitekit.site import load_site

from .accessible import require_accessible
from .conftest import Picture, go_to, new_window
from .invented_year import year

NOW = datetime(2026, 12, 1, 12)


def test_the_report_of_a_year(browser: Browser, tmp_path: Path, picture: Picture) -> None:
    site = load_site(data("config/sites/triton.yml"))
    months = read_months("2026-01", "2026-11", NOW)
    report = make_report([t.key for t in site.tiers], *year(site, months), months, NOW.timestamp())
    file = tmp_path / "report.html"
    file.write_text(as_html(site, report, NOW))
    requests: list[str] = []
    with new_window(browser, viewport={"width": 1180, "height": 800}) as window:
        page = window.new_page()
        page.on("request", lambda request: requests.append(request.url))
        go_to(page, file.as_uri())
        for verdict in ("too large", "too small", "too short", "never used"):
            expect(page.get_by_text(verdict, exact=True).first).to_be_visible()
        expect(page.locator("figcaption").nth(2)).to_contain_text("Memory of a server (MiB)")
        expect(page.locator("figure").nth(2)).to_contain_text("20,200 / 101,000 / ")
        require_accessible(page, "report")
        picture(page, "report")
    assert requests == [file.as_uri()], "the page loads nothing"
