"""Run the commands `make status` and `make top`."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from ...base.errors import BadInput
from ...base.progress import say
from ...site import Site
from .collect import Sight, collect, collect_servers
from .live_view import show_live
from .status_as_text import as_text, servers_as_text, unseen_as_text

FULL = 0.01  # a disk with a smaller free share needs attention
EVERY = 2.0  # seconds between two views of `make top`


def status(site: Site, *words: str) -> int:
    """Print the state of the site as text, or with JSON=1 as JSON.

    Returns 0 if no part of the state needs attention, else 1. Raises BadInput.
    """
    if any(word not in ("JSON=0", "JSON=1") for word in words):
        raise BadInput(f"{words[0]!r} is no variable of make status", remedy="JSON=1, or nothing")
    record = collect(site)
    if "JSON=1" in words:
        say(json.dumps(record, indent=1))
    else:
        for line in as_text(record):
            say(line)
    return 0 if is_well(record) else 1


def is_well(record: dict[str, Any]) -> bool:
    """Return True if no part of the state needs attention. The parts are services, the isolation of
    users' pages from each other, state folder, backends, drained nodes that the cluster no longer
    has, certificates and disks.

    Without root, the command cannot examine some certificates and disks. These count as if they
    needed no attention.
    """
    parts = [bool(record["overview"]), bool(record["backends"])]
    parts += [one["well"] for one in record["overview"]]
    parts += [one["answers"] for one in record["backends"].values()]
    parts += [not one["gone"] for one in record.get("drains", ())]
    parts += [days > 0 for days in record["certificates"].values()]
    parts += [one["free"] > FULL * one["bytes"] for one in record["disks"].values()]
    return all(parts)


def top(site: Site) -> int:
    """Show the servers, and update them every two seconds, until `q` or Ctrl-C.

    For each update, each backend is queried once. A slow backend is queried less often. If the
    output is not a terminal, plain text is printed until the program that reads the output ends.
    """

    def view() -> tuple[list[str], float]:
        begun = time.monotonic()
        lines = list(servers_as_text(record := collect_servers(site, Sight())))
        lines += unseen_as_text(record)
        return lines, max(EVERY, 2 * (time.monotonic() - begun))

    return show_live(view, terminal=sys.stdout.isatty() and sys.stdin.isatty())
