"""Write the documentation page about this site: its URL, sizes of servers and published kernels."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...site import Site
from ...site.sections.tier import Requires, Tier
from ...site.types.memory_and_time import human_time


def page(site: Site) -> str:
    """Return the page about this site in Markdown. Text that comes from the site file is
    escaped."""
    return "\n".join(_lines(site)) + "\n"


def _lines(site: Site) -> Iterator[str]:
    """Yield the lines of the page."""
    yield f"# {_plain(site.title)}\n"
    yield f"Open {_plain(site.front.url)} and log in. [The user guide](users.md) explains the rest."
    yield "\n## Sizes of servers\n"
    yield "| size | what it has | time | partitions | who |\n|---|---|---|---|---|"
    for tier in site.tiers:
        cells = (tier.title, tier.summary, human_time(tier.time), _places(tier), _who(tier))
        yield "| " + " | ".join(_plain(cell) for cell in cells) + " |"
    yield "\n## Kernels\n"
    day = time.strftime("%Y-%m-%d")
    yield f"These kernels were published on {day}, when this page was made. The launcher has the list of today.\n"
    yield "| kernel | language |\n|---|---|"
    for kernel in kernels(site.kernels_current):
        yield f"| {_plain(kernel['display_name'])} | {_plain(kernel['language'])} |"


def kernels(generation: Path) -> list[dict[str, Any]]:
    """Return the kernel specs in a generation (the folder of published kernels), sorted by title.
    Specs that cannot be read are omitted."""
    found = []
    for path in sorted((generation / "kernels").glob("*/kernel.json")):
        try:
            spec = json.loads(path.read_text())
            found.append({key: str(spec[key]) for key in ("display_name", "language")})
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda spec: spec["display_name"])


def _places(tier: Tier) -> str:
    """Return a text that says where the servers of a tier run."""
    return ", ".join(tier.partitions) or "the hub's host"


def _who(tier: Tier) -> str:
    """Return a text that says which users may use a tier."""
    if tier.requires == Requires():
        return "everybody"
    words = (("group", tier.requires.group), ("account", tier.requires.account))
    return " and ".join(f"{kind} {name}" for kind, name in words if name)


def _plain(text: str) -> str:
    """Escape a text so that it has no markup of Markdown or HTML."""
    return re.sub(r"[^\w ]", lambda sign: f"&#{ord(sign[0])};", text)
