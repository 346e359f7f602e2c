"""The start form: what it says of each tier, what stands in its fields, and where errors stand."""

from __future__ import annotations

import html
import re
import time
from types import SimpleNamespace
from typing import Any

import pytest
from test_hub_options import ROOMY, STAFF

from sitekit.backends.fitting_servers import FreeNode
from sitekit.hub.choices.check_choice import BadChoice, Eligibility, read_choice
from sitekit.hub.choices.choice_fields import fields_of
from sitekit.hub.choices.form_values import FormValues, as_query, in_address, typed_in
from sitekit.hub.ledger.drained_places import Drains
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.messages.form import Visit, tier_form
from sitekit.site import Site

ABOUT = ROOMY.tiers[0].model_copy(update={"about": "For <b>exercises</b>.", "memory_cap": "1.5x"})
SITE = ROOMY.model_copy(update={"tiers": (ABOUT, *ROOMY.tiers[1:])})
NODES = (
    FreeNode("n1", frozenset({"p"}), 4, 4096, idle=True, gpus={"a100": (1, 4)}),
    FreeNode("n2", frozenset({"p"}), 2, 8192, idle=True, gpus={"v100": (2, 2)}),
)


class NoCourses:
    def all(self) -> dict[str, Any]:
        return {}

    def open_by_group(self) -> bool:
        return False


def hub(site: Site = SITE, starts: dict[str, int] | None = None, **other: Any) -> Any:
    """What the form reads of the hub."""
    slurm = SimpleNamespace(expected_start=(starts or {}).get)
    parts = {"site": site, "ledger": Ledger(":memory:"), "backends": {"slurm": slurm}}
    return SimpleNamespace(**{**parts, "courses": NoCourses(), "outage": False, **other})


def form(
    typed: FormValues | None = None,
    last: dict[str, str] | None = None,
    eligibility: Eligibility = STAFF,
    hub_state: Any = None,
    **visit: Any,
) -> str:
    """The form's HTML, with all spaces alike."""
    page = tier_form(
        hub_state or hub(), Visit(**{"user": "alice", **visit}), eligibility, typed, last or {}
    )
    return re.sub(r"\s+", " ", page)


def card(page: str, key: str) -> str:
    """The part of the form about a tier."""
    return html.unescape(page.split(f'data-tier="{key}"')[1].split("data-tier=")[0])


def chosen(page: str) -> list[str]:
    return re.findall(r'name="tier" value="(\w+)" required checked', page)


def field(page: str, name: str) -> str:
    """The tag of a field."""
    return html.unescape(re.findall(rf'<(?:input|select)[^>]* name="{name}"[^>]*>', page)[0])


def test_a_tier_is_described_with_its_cap_first() -> None:
    page = form()
    assert "For &lt;b&gt;exercises&lt;/b&gt;." in page
    plain = card(page, "plain")
    assert '<strong class="sitekit-cap">1.5 GB of memory</strong>, 1 GB of it guaranteed' in plain
    assert "1 CPU, for 1 hour</p>" in plain and "stopped after 1 hour without" in plain
    assert "2 CPUs, no other jobs on the node, for 1 hour" in card(page, "wide")
    own = card(page, "own")
    assert "4 GB of memory</strong>, 2 GB of it guaranteed" in own
    assert "for 1 hour, unless you change it" in own


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "Would start now."),
        (20, "Would start now."),
        (1200, "Would start in about 20 min."),
        (8100, "Would start in about 2 h 15 min."),
        (7200, "Would start in about 2 h."),
        (5 * 86400, "Would start in about 5 days."),
    ],
)
def test_slurms_answer_about_the_start_is_told(
    seconds: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    monkeypatch.setattr(time, "time", lambda: float(now))
    page = form(hub_state=hub(starts={"plain": now + seconds}))
    assert said in card(page, "plain")
    minutes = max(0, round(seconds / 60))
    assert f'data-seconds="{3600 + 60 * minutes}"' in card(page, "plain")
    assert ("sitekit-waits" in card(page, "plain")) == (minutes > 0)


def test_what_is_free_is_told_if_it_is_known() -> None:
    page = form(nodes={"slurm": NODES})
    assert "room for 6 servers of this size now" in card(page, "plain")
    assert 'data-free="[[4, 4096, 1], [2, 8192, 2]]"' in card(page, "plain")
    assert "GPUs (a100): 1 of 4 free." in card(page, "own")
    assert "GPUs" not in card(page, "plain")
    full = form(nodes={"slurm": ()})
    assert "No node has this free now, so it would wait." in card(full, "plain")
    assert "sitekit-waits" in card(full, "plain")
    unknown = form(nodes={"slurm": None})
    assert "When it would start is not known now" in card(unknown, "plain")
    assert "how many are free is not known now" in card(unknown, "own")
    assert "data-free" not in unknown


def test_drained_nodes_are_not_free() -> None:
    drained = Eligibility(drains=Drains(nodes={"n1": "reboot"}))
    page = form(nodes={"slurm": NODES}, eligibility=drained)
    assert "room for 2 servers of this size now" in card(page, "plain")


def test_the_fields_show_bounds_and_the_tiers_own_values() -> None:
    memory = field(form(), "own.memory")
    assert 'value="2 GB"' in memory and 'data-low="1024" data-high="8192"' in memory
    assert 'aria-describedby="own.memory.bounds own.memory.effect own.memory.error"' in memory
    assert '<small id="own.memory.bounds">1 GB to 8 GB</small>' in form()
    assert '<small id="own.time.bounds">30 minutes to 8 hours</small>' in form()
    assert "aria-invalid" not in form()


def test_the_last_choice_is_chosen_again_in_words_for_people() -> None:
    page = form(last={"profile": "own", "memory": "1536M", "time": "1:30:00", "cpus": "3"})
    assert chosen(page) == ["own"]
    assert 'value="1.5 GB"' in field(page, "own.memory")
    assert 'value="90 minutes"' in field(page, "own.time")
    assert 'value="3"' in field(page, "own.cpus")
    assert chosen(form(last={"profile": "gone"})) == ["plain"]


@pytest.mark.parametrize("mib", [200, 1000, 1024, 1025, 1536, 2200, 8191])
def test_each_shown_value_can_be_typed(mib: int) -> None:
    memory = fields_of(SITE, SITE.tiers[2], STAFF)["memory"]
    if mib >= 1024:
        assert memory.read(memory.spell(mib)) == mib
    times = fields_of(SITE, SITE.tiers[2], STAFF)["time"]
    for seconds in (1800, 1830, 3600, 5400, 28800):
        assert times.read(times.spell(seconds)) == seconds


def refused(fields: dict[str, str]) -> FormValues:
    """A submitted form that the hub has refused."""
    typed = typed_in({key: [value] for key, value in fields.items()})
    options = {key: value for key, value in typed.values.items() if key != "profile"}
    with pytest.raises(BadChoice) as bad:
        read_choice(SITE, {**options, "tier": typed.values["profile"]}, STAFF)
    typed.refuse(bad.value)
    return typed


def test_each_error_stands_at_its_field_and_nothing_typed_is_lost() -> None:
    typed = {"tier": "own", "own.memory": "99 GB", "own.time": "2h", "own.cpus": "0", "server": "b"}
    page = form(refused(typed), last={"profile": "plain"}, may_name=True)
    assert chosen(page) == ["own"]
    for key in ("memory", "cpus"):
        assert 'aria-invalid="true"' in field(page, f"own.{key}")
        assert f'href="#own.{key}"' in page
    assert 'value="99 GB"' in field(page, "own.memory")
    assert 'value="2h"' in field(page, "own.time") and "invalid" not in field(page, "own.time")
    told = html.unescape(page)
    assert "id=\"own.memory.error\">Memory: '99 GB' is not within 1 GB to 8 GB</p>" in told
    assert "Nothing was started" in told and 'value="b"' in field(page, "server")


def test_a_tier_that_is_not_offered_is_an_error_of_the_whole_form() -> None:
    page = html.unescape(form(refused({"tier": "<b>"})))
    assert "<li>There is no tier '<b>' for you; choose one of: plain" in page


def test_a_name_of_a_server_is_asked_only_where_it_can_be_chosen() -> None:
    assert 'id="sitekit-server"' not in form()
    assert 'id="sitekit-server"' not in form(may_name=True, server="second")
    assert "starts the server <strong>second</strong>" in form(may_name=True, server="second")
    page = form(FormValues(errors={"server": "too many"}), may_name=True, names=("a", "b"))
    assert '<option value="a"></option><option value="b"></option>' in page
    assert 'href="#sitekit-server">Too many</a>' in page
    assert 'aria-invalid="true"' in field(page, "server")


def test_an_address_fills_in_the_form_with_checked_values() -> None:
    asked = {"tier": "own", "memory": "4G", "cpus": "9", "evil": "x", "next": "/hub/home"}
    values = in_address(asked, SITE, STAFF)
    assert values and values.values == {"profile": "own", "memory": "4G", "cpus": "9"}
    assert values.errors == {"cpus": "CPUs: '9' is not within 1 to 4"}
    assert "The link asks for what is not offered" in form(values)
    good = in_address({"tier": "plain"}, SITE, STAFF)
    assert (
        good and not good.errors and "The address of this page has filled in the form" in form(good)
    )
    assert in_address({"memory": "4G"}, SITE, STAFF) is None
    long = in_address({"tier": "own", "memory": "9" * 5000}, SITE, STAFF)
    assert long and len(long.values["memory"]) == 100


def test_a_link_to_a_choice_fills_in_the_same_choice() -> None:
    options = {"tier": "own", "memory": "1.5 GB", "time": "90 min", "account": "physics"}
    choice, kept = read_choice(SITE, options, STAFF)
    query = as_query(kept, next="/hub/a&b")
    assert query.endswith("&next=%2Fhub%2Fa%26b")
    pairs = dict(pair.split("=") for pair in as_query(kept).split("&"))
    values = in_address(
        {key: value.replace("%3A", ":") for key, value in pairs.items()}, SITE, STAFF
    )
    assert values and not values.errors
    assert read_choice(SITE, values.values, STAFF) == (choice, kept)


def test_saved_choices_are_the_users_own() -> None:
    state = hub()
    state.ledger.save_choice("alice", "Big <b>", {"profile": "own", "memory": "8G"})
    page = form(hub_state=state, after="/hub/x")
    assert 'href="?tier=own&amp;memory=8G&amp;next=%2Fhub%2Fx">Big &lt;b&gt;</a>' in page
    assert "Big" not in form(hub_state=state, own=False)
    assert "Big" not in form(hub_state=state, user="bob")


def test_the_scripts_address_follows_its_content() -> None:
    address = re.findall(r'<script src="/hub/(sitekit/static/form\.js\?v=[0-9a-f]{16})"', form())
    assert len(address) == 1
