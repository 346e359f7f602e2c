"""Look for faults of accessibility on a page of the hub: with axe-core, light and dark, on a desktop
and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page
from ruamel.yaml import YAML

from .conftest import resize

WIDTHS = (1280, 390, 320)
ASKED = {("light", 1280), ("light", 390), ("dark", 320)}
"""Where axe-core looks at each page; the width of the page is measured everywhere."""
# axe-core would load each style sheet again, and those that they import from a wrong address
OPTIONS = {"resultTypes": ["violations"], "preload": False}
UPSTREAM = YAML(typ="safe").load(Path(__file__).with_name("upstream_faults.yml"))
seen: set[str] = set()
"""The selectors of UPSTREAM that were found."""
COUNTED = ("critical", "serious", "moderate")


def require_accessible(page: Page, name: str) -> None:
    """Raise AssertionError if the open page has a serious or moderate fault, or is too wide.

    The page stays open, and has the width and the colors from before afterwards.
    """
    before = page.viewport_size
    page.evaluate(AXE_SCRIPT)
    found = []
    for scheme in ("light", "dark"):
        # without motion, colors change at once
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in WIDTHS:
            resize(page, width, 800)
            place = f"{name}, {scheme}, {width} px"
            found += [f"{place}: {fault}" for fault in _too_wide(page, width)]
            if (scheme, width) in ASKED:
                found += [f"{place}: {fault}" for fault in _faults(page)]
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    resize(page, **before)
    assert not found, "\n".join(found)


def _too_wide(page: Page, width: int) -> Iterator[str]:
    needed = page.evaluate("document.documentElement.scrollWidth")
    if needed > width:
        yield f"the page needs {needed} px"


def _faults(page: Page) -> Iterator[str]:
    for one in page.evaluate("options => axe.run(options)", OPTIONS)["violations"]:
        if one["impact"] in COUNTED:
            for node in one["nodes"]:
                if _is_upstreams(page, one["id"], node["target"][0]):
                    continue
                yield f"{one['id']} ({one['impact']}): {node['html'][:150]} {_why(node)}"


def _is_upstreams(page: Page, rule: str, element: str) -> bool:
    """Return whether UPSTREAM lists a fault of an element."""
    for one in UPSTREAM:
        if one["rule"] == rule and page.locator(element).first.evaluate(
            "(found, selector) => found.matches(selector)", one["selector"]
        ):
            seen.add(one["selector"])
            return True
    return False


def _why(node: dict[str, Any]) -> str:
    checks = [*node["any"], *node["all"], *node["none"]]
    return "; ".join(check["message"] for check in checks)[:200]
