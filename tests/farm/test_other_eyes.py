"""The doctor of an account without root's rights, and the WebSocket that it opens."""

from __future__ import annotations

import json
import subprocess

import pytest
import websocket

from sitekit.operations.doctor.table import CHECKS

from ..conftest import Demo
from .farm import CHECKOUT, KIT, described

WITHOUT_ROOT = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from sitekit.machine.host.platform import this_platform
from sitekit.operations.doctor import table
from sitekit.operations.doctor.context import Context
from sitekit.operations.doctor.report import as_json
from sitekit.operations.doctor.run import run_checks
from sitekit.site import load_site
site = load_site(Path(sys.argv[2]))
platform = this_platform()
number, group = map(int, sys.argv[3:5])
import grp, encodings.idna
os.setgroups([])
os.setgid(group)
os.setuid(number)
print(as_json(run_checks(table.CHECKS, Context(site, platform, "alice"))))
"""
"""The rights of root are given up once the modules are loaded: an account may not be able to read
this checkout."""


def test_an_account_without_rights_finds_nothing_and_is_told_what_it_could_not_see(
    demo: Demo,
) -> None:
    words = [str(CHECKOUT / "scripts"), str(demo.site.etc / "site.yml"), "65534", "65534"]
    argv = [KIT, "-B", "-c", WITHOUT_ROOT, *words]
    done = subprocess.run(argv, cwd="/", env={}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["causes"] == [], described(told)
    skipped = {one["id"] for one in told["checks"] if one["skipped"] == "root"}
    assert skipped == {check.id for check in CHECKS if check.root and check.applies(demo.site)}
    looked = [one for one in told["checks"] if not one["skipped"] and not one["findings"]]
    assert len(looked) >= 50


def open_socket(demo: Demo, origin: str) -> websocket.WebSocket:
    address = demo.site.front.url.replace("https:", "wss:") + "/hub/sitekit/socket"
    return websocket.create_connection(
        address, origin=origin, sslopt={"cert_reqs": 0, "check_hostname": False}, timeout=20
    )


def test_the_hub_says_one_word_and_closes(demo: Demo) -> None:
    socket = open_socket(demo, demo.site.front.url)
    assert socket.recv() == "sitekit"
    assert socket.recv() == ""
    socket.close()


def test_a_page_of_another_site_cannot_open_it(demo: Demo) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        open_socket(demo, "https://evil.test")
    assert refused.value.status_code == 403
