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
PROGRAM = Path(__file__).parent / "programs" / "login_delay.py"


def run(tmp_path: Path, scene: str) -> list:
    """Return the result of a scene of login_delay.py."""
    argv = [kernel_site.release() / "bin/python", PROGRAM, SCRIPTS, scene]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_attempts_in_one_name_come_one_by_one_and_keep_nobody_else_waiting(tmp_path: Path) -> None:
    answers, order, left, third = run(tmp_path, "one_name")
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
        [kernel_site.release() / "bin/python", program], capture_output=True, text=True, timeout=300
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


def test_with_ipv6_a_client_has_a_network_of_addresses(tmp_path: Path) -> None:
    assert run(tmp_path, "networks") == ["192.0.2.1/32"] * 2 + ["2001:db8::/64"] * 2 + ["fe80::/64"]


def test_made_up_names_push_out_the_oldest_and_no_others(tmp_path: Path) -> None:
    assert run(tmp_path, "oldest") == [0.05, 0.1]


def test_failures_are_forgotten_with_time(tmp_path: Path) -> None:
    assert run(tmp_path, "forgotten") == [0.001, 0.002, 0.004, 0.001]


def test_who_may_not_administer_any_more_does_not_and_who_is_gone_for_long_is_gone(
    tmp_path: Path,
) -> None:
    said, told = run(tmp_path, "refresh")
    assert said[0] == {"name": "root", "admin": True}
    assert said[1] == {"name": "root", "admin": False}, "there are no admin groups"
    assert said[2] is False, "not in the allowed groups: to log in again"
    assert said[3] is True, "a directory may be silent for a while"
    assert said[4] is False
    assert told == [{"name": "root", "admin": False}, {"name": "nobody-here", "admin": False}]


def test_what_pam_would_read_otherwise_is_not_asked_of_it(tmp_path: Path) -> None:
    """A name or a password with a NUL in it, or no text at all. It counts as a failure."""
    answers, asked, good, patience_grows = run(tmp_path, "odd")
    assert answers == [None] * 13
    assert asked == [["root", "x"]] and good == "root"
    assert patience_grows
