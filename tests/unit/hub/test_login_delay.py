"""The delay after a failed login, and the second look at who is logged in, of the real
authenticator."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import kernel_site
import pytest

pytestmark = pytest.mark.usefixtures("hub_environment")

SCRIPTS = Path(__file__).parents[3] / "scripts"
# PAM's service for what has none of its own refuses everybody.
TRY = """
import asyncio, json, sys
sys.path.insert(0, {scripts!r})
from types import SimpleNamespace
from sitekit.hub.login import pam, rate_limit as patience

patience.DELAY, patience.AT_ONCE, patience.REMEMBERED = 0.05, 2, 50
order = []

def new(**settings):
    return pam.PatientAuthenticator(service="sitekit-no-such-service", executor_threads=4, **settings)

async def attempt(authenticator, name, address):
    handler = SimpleNamespace(request=SimpleNamespace(remote_ip=address))
    try:
        answer = await authenticator.authenticate(handler, {{"username": name, "password": "x"}})
    except Exception as refusal:
        answer = refusal.status_code
    order.append(name + "@" + address)
    return answer

async def main():
{body}

print(json.dumps(asyncio.run(main())))
"""


def run(tmp_path: Path, body: str) -> list:
    program = TRY.format(
        scripts=str(SCRIPTS), body="\n".join(f"    {line}" for line in body.splitlines())
    )
    argv = [kernel_site.release() / "bin/python", "-c", program]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


ONE_NAME = """
authenticator = new()
names = ["nobody-here", "Nobody-Here", "NOBODY-HERE", "nobody-HERE"]  # a directory may not tell them apart
many = [attempt(authenticator, name, "192.0.2.1") for name in names]
others = [attempt(authenticator, "nobody-here", "192.0.2.2"), attempt(authenticator, "another", "192.0.2.1")]
answers = await asyncio.gather(*many, *others)
left = len(authenticator._names._turns) + len(authenticator._names._inside)
return [answers, order, left, authenticator._names.failed(("nobody-here", "192.0.2.1/32"))]
"""


def test_attempts_in_one_name_come_one_by_one_and_keep_nobody_else_waiting(tmp_path: Path) -> None:
    answers, order, left, third = run(tmp_path, ONE_NAME)
    assert answers[:4].count(429) == 2 and answers.count(None) == 4, (
        "two may be there, the others are sent away"
    )
    assert third == 0.05 * 4 and left == 0
    last = order.index("another@192.0.2.1"), order.index("nobody-here@192.0.2.2")
    assert max(last) < len(order) - 1, "they did not wait for those of the crowded name"


@pytest.fixture(scope="module")
def scenes() -> dict[str, dict[str, float]]:
    program = Path(__file__).with_name("login_class.py")
    done = subprocess.run(
        [kernel_site.release() / "bin/python", program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("scene", "people"), [("at_once", 150), ("typos", 60), ("looping", 150)])
def test_right_passwords_of_a_class_pass_whatever_others_at_its_address_do(
    scenes: dict[str, dict[str, float]], scene: str, people: int
) -> None:
    told = scenes[scene]
    assert (told["in"], told["refused"]) == (people, 0)
    assert told["longest"] <= 2, "seconds of login_class.py, which pass as it says"


def test_an_address_may_guess_a_hundred_times_and_then_twice_a_second(
    scenes: dict[str, dict[str, float]],
) -> None:
    """Whether they wait for their answers, or ask all at once."""
    assert 360 < scenes["looping"]["guesses"] <= 100 + 2 * 360 + 16
    assert 100 < scenes["flood"]["guesses"] <= 100 + 2 * 30, (
        "who waits for half a minute is sent away"
    )
    assert scenes["flood"]["in"] == 1, "half a minute later it is over"
    assert scenes["left"] == 0, "nothing is kept of addresses where nobody fails"


NETWORKS = """
addresses = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::ffff:1", "fe80::1%lo"]
return [pam.network_of(address) for address in addresses]
"""


def test_with_ipv6_a_client_has_a_network_of_addresses(tmp_path: Path) -> None:
    assert run(tmp_path, NETWORKS) == ["192.0.2.1/32"] * 2 + ["2001:db8::/64"] * 2 + ["fe80::/64"]


OLDEST = """
authenticator = new()
for number in range(60):
    authenticator._names.failed((f"name{number}", "192.0.2.1/32"))
return [authenticator._names.failed((name, "192.0.2.1/32")) for name in ("name0", "name59")]
"""


def test_made_up_names_push_out_the_oldest_and_no_others(tmp_path: Path) -> None:
    assert run(tmp_path, OLDEST) == [0.05, 0.1]


FORGOTTEN = """
patience.LONGEST, patience.DELAY = 0.05, 0.001
authenticator = new()
first = [authenticator._names.failed("x") for _ in range(3)]
await asyncio.sleep(0.2)
return [*first, authenticator._names.failed("x")]
"""


def test_failures_are_forgotten_with_time(tmp_path: Path) -> None:
    assert run(tmp_path, FORGOTTEN) == [0.001, 0.002, 0.004, 0.001]


STANDING = """
import grp, os, pwd
told = []
async def auth_to_user(standing, user):
    told.append(standing)
handler = SimpleNamespace(auth_to_user=auth_to_user, request=SimpleNamespace(remote_ip="192.0.2.1"))
root, gone = (SimpleNamespace(name=name, admin=True) for name in ("root", "nobody-here"))
said = []
for settings in ({"allowed_groups": {"root"}, "admin_groups": {"root"}},
                 {"allowed_groups": {"root"}},
                 {"allowed_groups": {"daemon"}, "admin_groups": {"root"}}):
    said.append(await new(**settings).refresh_user(root, handler))
authenticator = new(allowed_groups={"root"})
said.append(await authenticator.refresh_user(gone, handler))
pam.SILENCE = 0
said.append(await authenticator.refresh_user(gone, handler))
return [said, told]
"""


def test_who_may_not_administer_any_more_does_not_and_who_is_gone_for_long_is_gone(
    tmp_path: Path,
) -> None:
    said, told = run(tmp_path, STANDING)
    assert said[0] == {"name": "root", "admin": True}
    assert said[1] == {"name": "root", "admin": False}, "there are no admin groups"
    assert said[2] is False, "not in the allowed groups: to log in again"
    assert said[3] is True, "a directory may be silent for a while"
    assert said[4] is False
    assert told == [{"name": "root", "admin": False}, {"name": "nobody-here", "admin": False}]


ODD = """
authenticator, asked = new(), []
pam.pamela.authenticate = lambda name, *more, **words: asked.append([name, *more])
pam.pamela.check_account = lambda *more, **words: None
patience.DELAY = patience.LONGEST = 0.01
me = __import__("pwd").getpwuid(0).pw_name
nul, half = chr(0), chr(0xDC80)
def of(username, password="x", **more):
    return {{"username": username, "password": password, **more}}

sent = [of(me + nul + "x"), of(me, "x" + nul + "y"), of(me, ["x"]), of([me]), of(me + half), of(me, half),
        of(me, otp={{}}), {{"username": me}}, {{}}, None, [me, "x"], me, of("")]
handler = SimpleNamespace(request=SimpleNamespace(remote_ip="192.0.2.1"))
answers = [await authenticator.authenticate(handler, one) for one in sent]
good = await authenticator.authenticate(handler, {{"username": me, "password": "x"}})
return [answers, asked, good, authenticator._names.failed(("", "192.0.2.1/32")) == 0.01]
"""


def test_what_pam_would_read_otherwise_is_not_asked_of_it(tmp_path: Path) -> None:
    """A name or a password with a NUL in it, or no text at all. It counts as a failure."""
    answers, asked, good, patience_grows = run(tmp_path, ODD.replace("{{", "{").replace("}}", "}"))
    assert answers == [None] * 13
    assert asked == [["root", "x"]] and good == "root"
    assert patience_grows
