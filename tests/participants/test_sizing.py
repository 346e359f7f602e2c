"""A real server and a real kernel of the demo's release are measured."""

from __future__ import annotations

import re

from .conftest import Kit


def test_a_server_and_a_kernel_are_measured(kit: Kit) -> None:
    code, printed = kit.run("sizing", "DATA=100M")
    assert code == 0, printed
    print(printed)
    server, kernel = re.findall(r"^    a (?:server|kernel) +(\d+) MB", printed, re.MULTILINE)
    assert 40 < int(server) < 1000 and 10 < int(kernel) < 1000
    assert all(f"    {tier.key}\n" in printed for tier in kit.site.tiers)
