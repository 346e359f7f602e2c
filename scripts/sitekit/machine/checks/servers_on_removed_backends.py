"""Find backends (such as docker) on which users' servers still run, but which no tier of the site
file uses any more.

The hub can neither monitor nor end servers on a backend that is no longer configured.
"""

from __future__ import annotations

import pwd
from collections.abc import Iterator

from ...base.finding import Finding
from ...base.run_program import acting_as
from ...site import Site
from ..host import sqlite

_OPEN = "SELECT backend, COUNT(*) FROM starts WHERE ended IS NULL GROUP BY backend ORDER BY backend"


def check_removed_backends(site: Site) -> Iterator[Finding]:
    """Yield a finding for each backend that runs servers but that no tier of the new site names.

    Raises Problem if the ledger cannot be read.
    """
    named = {tier.runs_on for tier in site.tiers}
    for backend, count in open_servers(site).items():
        if backend not in named:
            servers = "one server runs" if count == 1 else f"{count} servers run"
            yield Finding(
                f"{servers} on {backend}, and no tier has `runs_on: {backend}` any more",
                "tiers",
                f"end them on the hub's admin page, or keep a tier with `runs_on: {backend}` until they have ended",
            )


def open_servers(site: Site) -> dict[str, int]:
    """Return the number of servers that may still run on each backend, from the hub's ledger:
    backend -> number."""
    try:
        hub = pwd.getpwnam(site.hub.user)
    except (
        KeyError
    ):  # the hub's account does not exist before the first apply and after an uninstall
        return {}
    if not site.ledger.exists():
        return {}
    with acting_as(hub.pw_uid, hub.pw_gid), sqlite.open_database(site.ledger) as ledger:
        return dict(ledger.execute(_OPEN).fetchall())
