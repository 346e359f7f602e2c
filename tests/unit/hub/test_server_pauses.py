"""A server that cannot be ended: tried again less and less often, and told once."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sitekit.hub.ledger.ledger import Row
from sitekit.hub.spawner import pauses_between_cancels as module
from sitekit.hub.spawner.pauses_between_cancels import FIRST, LONGEST, Pauses


def row(tag: str) -> Row:
    return Row(
        tag=tag,
        user="alice",
        account="alice",
        name="",
        backend="slurm",
        token=None,
        choice={},
        intended=0.0,
        job="12",
    )


def test_the_pauses_grow_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    pauses, one, waits = Pauses(), row("one"), []
    for _ in range(10):
        assert pauses.due([one]) == [one]
        pauses.tried(one)
        begin = now
        while not pauses.due([one]):
            now += 1.0
        waits.append(now - begin)
    assert waits[0] == FIRST and waits[-1] == LONGEST
    assert all(after == min(LONGEST, 2 * before) for before, after in pairwise(waits))
    pauses.tried(one)
    pauses.keep([])
    assert pauses.due([one]) == [one]


def test_what_hinders_it_is_told_once_and_again_when_it_is_something_else() -> None:
    pauses, one, other = Pauses(), row("one"), row("other")
    told = [
        pauses.is_new_trouble(one, why)
        for why in ("denied", "denied", "silent", "silent", "denied")
    ]
    assert told == [True, False, True, False, True]
    assert pauses.is_new_trouble(other, "denied")
    pauses.keep([other])
    assert pauses.is_new_trouble(one, "denied") and not pauses.is_new_trouble(other, "denied")


def test_starts_that_had_to_be_cancelled_are_counted_when_they_are_settled() -> None:
    pauses, one, two = Pauses(), row("one"), row("two")
    assert not pauses.is_known(one)
    pauses.is_new_trouble(one, "")
    assert pauses.is_known(one) and pauses.keep([one, two]) == 0
    assert pauses.keep([two]) == 1
    assert pauses.keep([]) == 0, "no job of the other one was cancelled"
