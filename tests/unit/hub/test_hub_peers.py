"""Where the hub is, and who is on its own machine: real connections, in a network of the test's
own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import kernel_site
import pytest

pytestmark = [
    pytest.mark.usefixtures("hub_environment"),
    pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace"),
]

NETWORK = """
ip link set lo up
for address in 10.1.0.5/24 10.1.0.9/24 fd00::5/64 fd00::9/64; do ip address add $address dev lo nodad || exit; done
exec "$@"
"""
PROGRAMS = Path(__file__).parent / "programs"
SCRIPTS = Path(__file__).parents[3] / "scripts"


def run(program: str, *words: str) -> list:
    """What it prints, with the hub's Python, in a network with the addresses above."""
    python = kernel_site.release() / "bin/python"
    command = [python, "-B", PROGRAMS / program, SCRIPTS, *words]
    argv = ["unshare", "--net", "sh", "-c", NETWORK, "sh", *command]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def taken_for_its_own(*calls: tuple[str, str]) -> list[bool]:
    return run("call_from_addresses.py", json.dumps(calls))


def test_the_proxy_is_known_at_every_address_that_a_hub_may_have() -> None:
    """Also where the kernel picks another for the way to it: 127.0.0.1, or the first of the
    network."""
    addresses = ["127.0.0.1", "127.0.1.1", "10.1.0.5", "10.1.0.9", "fd00::5", "fd00::9"]
    said = taken_for_its_own(*((address, "") for address in addresses))
    assert dict(zip(addresses, said, strict=True)) == dict.fromkeys(addresses, True)


def test_nobody_else_is_whatever_he_says() -> None:
    calls = [
        ("127.0.0.1", "127.0.0.2"),
        ("127.0.1.1", "127.0.1.1"),
        ("10.1.0.5", "10.1.0.9"),
        ("fd00::5", "fd00::9"),
    ]
    assert taken_for_its_own(*calls) == [False] * len(calls)


def test_a_hub_may_have_an_ipv6_address() -> None:
    url = "https://[fd00::5]:8081/hub/"
    assert run("hub_urls.py") == ["fd00::5", 8081, url, f"{url}api"]
