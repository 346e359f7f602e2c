"""The delay after a failed login, of the real authenticator: attempts in one name wait in turn, others do not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import kernel_site
import pytest

pytestmark = pytest.mark.usefixtures("hub_environment")

SCRIPTS = Path(__file__).parents[2] / "scripts"
# PAM's service for what has none of its own refuses everybody.
TRY = """
import asyncio, json, sys
sys.path.insert(0, {scripts!r})
from types import SimpleNamespace
from sitekit.login import pam

pam.DELAY, pam.WAITING = 0.05, 2
order = []

async def attempt(authenticator, name, address):
    handler = SimpleNamespace(request=SimpleNamespace(remote_ip=address))
    try:
        answer = await authenticator.authenticate(handler, {{"username": name, "password": "x"}})
    except Exception as refusal:
        answer = refusal.status_code
    order.append(name + "@" + address)
    return answer

async def main():
    authenticator = pam.PatientAuthenticator(service="sitekit-no-such-service", executor_threads=4)
    many = [attempt(authenticator, "nobody-here", "192.0.2.1") for _ in range(4)]
    others = [attempt(authenticator, "nobody-here", "192.0.2.2"), attempt(authenticator, "another", "192.0.2.1")]
    answers = await asyncio.gather(*many, *others)
    left = len(authenticator._turns) + len(authenticator._waiting)
    print(json.dumps([answers, order, left, max(authenticator._failures.values())]))

asyncio.run(main())
"""


def test_attempts_in_one_name_come_one_by_one_and_keep_nobody_else_waiting(tmp_path: Path) -> None:
    argv = [kernel_site.release() / "bin/python", "-c", TRY.format(scripts=str(SCRIPTS))]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answers, order, left, failures = json.loads(done.stdout)
    assert answers[:4].count(429) == 2 and answers.count(None) == 4, "two wait, the others are sent away"
    assert failures == 2 and left == 0
    last = order.index("another@192.0.2.1"), order.index("nobody-here@192.0.2.2")
    assert max(last) < len(order) - 1, "they did not wait for those of the crowded name"
