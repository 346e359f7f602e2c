"""What a user may ask for: a tier of the site, and nothing else, in whatever shape it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitekit.data import data
from sitekit.hub.options import BadChoice, read_choice
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))
HOSTILE = [
    "small\n#SBATCH --uid=0",
    "small; id",
    "$(id)",
    "{{ prologue }}",
    "\0",
    "small\0",
    "",
    " small",
    "SMALL",
    "../small",
    "x" * 1_000_000,
    "\u2160",
    None,
    0,
    True,
    [],
    ["small"],
    {"key": "small"},
    1e308,
    float("nan"),
]


def test_a_tier_of_the_site() -> None:
    choice = read_choice(SITE, {"tier": "large"})
    assert (choice.memory, choice.cap, choice.cpus, choice.partitions[0]) == (1024, 5120, 2, "jupyter-short")
    assert read_choice(SITE, {"profile": "large"}) == choice


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
def test_what_is_no_tier_is_refused(value: object) -> None:
    with pytest.raises(BadChoice) as told:
        read_choice(SITE, {"tier": value})
    assert len(str(told.value)) < 300
    assert "small, large, long" in str(told.value)


@pytest.mark.parametrize(
    "options",
    [
        None,
        [],
        "small",
        {},
        {"tier": "small", "profile": "small"},
        {"tier": "small", "partition": "batch"},
        {"tier": "small", "prologue": "id"},
        {"memory": "1T"},
        {"tier": "small", "": ""},
    ],
)
def test_more_or_less_than_a_tier_is_refused(options: object) -> None:
    with pytest.raises(BadChoice):
        read_choice(SITE, options)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(anything)
def test_nothing_else_gets_through(options: object) -> None:
    try:
        choice = read_choice(SITE, options)
    except BadChoice:
        return
    assert choice.tier in {tier.key for tier in SITE.tiers}


@given(st.dictionaries(st.sampled_from(["tier", "profile", "memory", "prologue", "partition"]), anything))
def test_a_choice_holds_only_the_sites_own_figures(options: dict[str, object]) -> None:
    try:
        choice = read_choice(SITE, options)
    except BadChoice:
        return
    tier = SITE.tier(choice.tier)
    assert (choice.memory, choice.cpus, choice.time, choice.partitions) == (
        tier.memory,
        tier.cpus,
        tier.time,
        tier.partitions,
    )
