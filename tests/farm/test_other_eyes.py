"""The doctor of an account without root's rights, and the WebSocket that it opens."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import websocket

from sitekit.operations.doctor.list_of_checks import CHECKS

from ..conftest import Demo
from .farm import CHECKOUT, KIT, described

WITHOUT_ROOT = Path(__file__).parent / "programs" / "doctor_without_root.py"


def test_an_account_without_rights_finds_nothing_and_is_told_what_it_could_not_see(
    demo: Demo,
) -> None:
    words = [str(CHECKOUT / "scripts"), str(demo.site.etc / "site.yml"), "65534", "65534"]
    argv = [KIT, "-B", WITHOUT_ROOT, *words]
    done = subprocess.run(argv, cwd="/", env={}, capture_output=True, text=True, timeout=600)
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
        address, origin=origin, sslopt={"cert_reqs": 0, "check_hostname": False}, timeout=90
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
