"""Look for faults of accessibility on a page of the hub: with axe-core, light and dark, on a desktop
and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

UPSTREAM = Path(__file__).parent / "upstream_faults.yml"
WIDTHS = (1280, 390, 320)
SCHEMES = ("light", "dark")
OPTIONS = {"resultTypes": ["violations"], "rules": {"region": {"enabled": True}}}
COUNTED = ("critical", "serious", "moderate")


def require_accessible(page: Page, name: str) -> None:
    """Raise AssertionError if the open page has a serious or moderate fault, or is too wide.

    The page stays open, and has the width and the colors from before afterwards.
    """
    before = page.viewport_size or {"width": 1280, "height": 800}
    page.evaluate(AXE_SCRIPT)
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            found += [f"{name}, {scheme}, {width} px: {fault}" for fault in _faults(page, width)]
    page.emulate_media(color_scheme=None)
    page.set_viewport_size(before)
    assert not found, "\n".join(found)


def _faults(page: Page, width: int) -> Iterator[str]:
    needed = page.evaluate("document.documentElement.scrollWidth")
    if needed > width:
        yield f"the page needs {needed} px"
    for one in page.evaluate("options => axe.run(options)", OPTIONS)["violations"]:
        if one["impact"] in COUNTED:
            for node in one["nodes"]:
                yield f"{one['id']} ({one['impact']}): {node['target'][0]} {node['html'][:150]} {_why(node)}"


def _why(node: dict[str, Any]) -> str:
    checks = [*node["any"], *node["all"], *node["none"]]
    return "; ".join(check["message"] for check in checks)[:200]
