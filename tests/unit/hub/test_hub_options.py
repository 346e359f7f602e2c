"""What a user may ask for: a tier of the site, and nothing else, in whatever shape it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitekit.backends.slurm.gate_client import request_of
from sitekit.base.data_files import data
from sitekit.hub.choices.check_choice import BadChoice, Eligibility, read_choice, tiers_for
from sitekit.hub.choices.form_values import form_values_of, from_form
from sitekit.hub.choices.parse_sizes_and_times import as_typed
from sitekit.site import Site, load_site
from sitekit.site.types.memory_and_time import parse_time

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
    choice = read_choice(SITE, {"tier": "large"})[0]
    assert (choice.memory, choice.cap, choice.cpus, choice.partitions[0]) == (
        1024,
        5120,
        2,
        "jupyter-short",
    )
    assert read_choice(SITE, {"profile": "large"}) == (choice, {"profile": "large"})


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
        choice, _ = read_choice(SITE, options)
    except BadChoice:
        return
    assert choice.tier in {tier.key for tier in SITE.tiers}


@given(
    st.dictionaries(
        st.sampled_from(["tier", "profile", "memory", "prologue", "partition"]), anything
    )
)
def test_a_choice_holds_only_the_sites_own_figures(options: dict[str, object]) -> None:
    try:
        choice, _ = read_choice(SITE, options)
    except BadChoice:
        return
    tier = SITE.tier(choice.tier)
    assert (choice.memory, choice.cpus, choice.time, choice.partitions) == (
        tier.memory,
        tier.cpus,
        tier.time,
        tier.partitions,
    )


ROOMY = Site.model_validate(
    {
        **SITE.model_dump(),
        "tiers": [
            {
                "key": "plain",
                "title": "Plain",
                "partitions": ["p"],
                "memory": "1G",
                "time": "1h",
                "idle": "1h",
            },
            {
                "key": "paid",
                "title": "Paid",
                "partitions": ["p"],
                "memory": "1G",
                "time": "1h",
                "idle": "1h",
                "requires": {"account": "physics"},
            },
            {
                "key": "own",
                "title": "Own",
                "partitions": ["p"],
                "memory": "2G",
                "memory_cap": "2x",
                "time": "1h",
                "idle": "1h",
                "gpu_type": "a100",
                "requires": {"group": "staff"},
                "choose": {
                    "memory": ["1G", "8G"],
                    "cpus": [1, 4],
                    "time": ["0:30:00", "8h"],
                    "gpus": [0, 2],
                    "constraint": ["avx"],
                    "account": True,
                    "reservation": True,
                },
            },
            {
                "key": "wide",
                "title": "Wide",
                "partitions": ["p", "q"],
                "memory": "2G",
                "time": "1h",
                "idle": "1h",
                "tasks": 2,
                "exclusive": True,
                "requires": {"group": "staff"},
                "choose": {"nodes": [1, 4], "tasks": [1, 24], "partitions": True, "qos": ["long"]},
            },
        ],
    }
)
STAFF = Eligibility(frozenset({"staff"}), ("physics", "teaching"), ("course",))


def test_a_tier_of_a_group_is_for_its_members() -> None:
    assert [tier.key for tier in tiers_for(ROOMY, Eligibility())] == ["plain"]
    with pytest.raises(BadChoice, match="for you; choose one of: plain"):
        read_choice(ROOMY, {"tier": "own"})
    assert read_choice(ROOMY, {"tier": "own"}, STAFF)[0].memory == 2048


def test_a_tier_of_an_account_is_for_its_members() -> None:
    for accounts in (("teaching",), (), None):  # None: Slurm is silent
        with pytest.raises(BadChoice, match="for you; choose one of: plain"):
            read_choice(ROOMY, {"tier": "paid"}, Eligibility(accounts=accounts))
    assert (
        read_choice(ROOMY, {"tier": "paid"}, Eligibility(accounts=("physics",)))[0].tier == "paid"
    )


def test_what_a_tier_lets_users_choose_reaches_the_gate() -> None:
    options = {
        "tier": "own",
        "memory": "4G",
        "cpus": "3",
        "time": "2h",
        "gpus": 1,
        "account": "physics",
        "reservation": "course",
        "constraint": "avx",
    }
    choice, remembered = read_choice(ROOMY, options, STAFF)
    request = request_of(choice, "0" * 16, {})
    assert (request["memory"], request["cpus"], request["minutes"], request["gres"]) == (
        4096,
        3,
        120,
        "gpu:a100:1",
    )
    assert (request["account"], request["reservation"], request["constraint"]) == (
        "physics",
        "course",
        "avx",
    )
    assert choice.cap == 8192
    assert remembered == {
        "profile": "own",
        "memory": "4G",
        "cpus": "3",
        "time": "2:00:00",
        "gpus": "1",
        "account": "physics",
        "reservation": "course",
        "constraint": "avx",
    }
    assert read_choice(ROOMY, remembered, STAFF) == (choice, remembered)


def test_nodes_tasks_partition_and_qos_reach_the_gate() -> None:
    request = request_of(read_choice(ROOMY, {"tier": "wide"}, STAFF)[0], "0" * 16, {})
    assert (request["nodes"], request["tasks"], request["exclusive"]) == (1, 2, True)
    assert (
        not {"nodes", "tasks", "exclusive"}
        & request_of(read_choice(ROOMY, {"tier": "own"}, STAFF)[0], "0" * 16, {}).keys()
    )
    assert request["partitions"] == "p,q" and "qos" not in request
    options = {"tier": "wide", "nodes": "3", "tasks": "12", "partitions": "q", "qos": "long"}
    choice, remembered = read_choice(ROOMY, options, STAFF)
    request = request_of(choice, "0" * 16, {})
    assert (request["nodes"], request["tasks"], request["partitions"]) == (3, 12, "q")
    assert request["qos"] == "long"
    assert read_choice(ROOMY, remembered, STAFF)[0] == choice
    assert form_values_of(ROOMY, choice.as_dict(), STAFF)["partitions"] == "q"


@pytest.mark.parametrize(
    ("field", "value"),
    [("nodes", 5), ("nodes", 0), ("tasks", 25), ("partitions", "r"), ("partitions", ["p"]),
     ("qos", "high"), ("exclusive", False)],
)  # fmt: skip
def test_wider_than_the_tier_allows_is_refused(field: str, value: object) -> None:
    with pytest.raises(BadChoice):
        read_choice(ROOMY, {"tier": "wide", field: value}, STAFF)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("memory", "9G"),
        ("memory", "900000"),
        ("memory", "4 boxes"),
        ("cpus", 0),
        ("cpus", True),
        ("cpus", "1e1"),
        ("cpus", "+3"),
        ("cpus", " 3"),
        ("cpus", 3.0),
        ("cpus", "9" * 5000),
        ("cpus", "\u0663"),
        ("time", "9h"),
        ("gpus", 3),
        ("gpus", -1),
        ("account", "chemistry"),
        ("account", ["physics"]),
        ("reservation", "other"),
        ("reservation", "physics"),
        ("constraint", "avx&x"),
        ("qos", "high"),
        ("partitions", "batch"),
    ],
)
def test_beyond_the_bounds_is_refused(field: str, value: object) -> None:
    with pytest.raises(BadChoice):
        read_choice(ROOMY, {"tier": "own", field: value}, STAFF)


@pytest.mark.parametrize(
    ("field", "value", "minutes_or_mib"),
    [
        ("memory", "4 GB", 4096),
        ("memory", "4gb", 4096),
        ("memory", " 4 GiB ", 4096),
        ("memory", "2", 2048),
        ("memory", 2048, 2048),
        ("memory", "1.5", 1536),
        ("time", "90 min", 90),
        ("time", "2 hours", 120),
        ("time", "90", 90),
        ("time", 2, 120),
    ],
)
def test_sizes_and_times_as_people_type_them(
    field: str, value: object, minutes_or_mib: int
) -> None:
    request = request_of(read_choice(ROOMY, {"tier": "own", field: value}, STAFF)[0], "0" * 16, {})
    assert request["memory" if field == "memory" else "minutes"] == minutes_or_mib


def test_a_number_that_may_mean_two_things_is_refused() -> None:
    read = as_typed(parse_time, ("m", "h"), (60, 86400))
    with pytest.raises(ValueError, match="unit"):
        read("20")


def test_an_earlier_choice_is_remembered_in_the_words_of_the_form() -> None:
    choice, kept = read_choice(ROOMY, {"tier": "own", "memory": "4G", "time": "2h"}, STAFF)
    told = form_values_of(ROOMY, choice.as_dict(), STAFF)
    assert kept.items() <= told.items() and read_choice(ROOMY, told, STAFF)[0] == choice
    assert (
        form_values_of(ROOMY, {**choice.as_dict(), "tier": "gone"}, STAFF)
        == form_values_of(ROOMY, None, STAFF)
        == {}
    )


def test_names_cannot_be_checked_while_slurm_is_silent() -> None:
    with pytest.raises(BadChoice, match="Slurm does not answer"):
        read_choice(ROOMY, {"tier": "own", "account": "physics"}, Eligibility(frozenset({"staff"})))


def test_groups_cannot_be_checked_while_the_directory_is_silent() -> None:
    silent = Eligibility(None, ("physics",))
    assert read_choice(ROOMY, {"tier": "plain"}, silent)[0].tier == "plain"
    with pytest.raises(BadChoice, match="directory of accounts does not answer"):
        read_choice(ROOMY, {"tier": "own"}, silent)
    with pytest.raises(BadChoice, match="there is no tier 'nothing' for you"):
        read_choice(ROOMY, {"tier": "nothing"}, silent)


def test_a_form_holds_the_fields_of_all_tiers_and_only_the_chosen_ones_count() -> None:
    form = {
        "tier": ["own"],
        "own.memory": ["4G"],
        "other.memory": ["99G"],
        "own.account": [""],
        "_xsrf": ["x"],
    }
    assert from_form(form) == {"tier": "own", "memory": "4G"}


def test_a_form_that_says_a_thing_twice_is_refused() -> None:
    with pytest.raises(BadChoice):
        read_choice(ROOMY, from_form({"tier": ["plain", "own"]}), STAFF)
    with pytest.raises(BadChoice):
        read_choice(ROOMY, from_form({"tier": ["own"], "own.memory": ["4G", "8G"]}), STAFF)


def test_what_a_server_opens_is_one_of_the_sites_interfaces() -> None:
    server = SITE.server.model_copy(
        update={"interfaces": {"JupyterLab": "/lab", "Notebook": "/tree"}}
    )
    site = SITE.model_copy(update={"server": server})
    assert read_choice(site, {"tier": "small"})[0].interface == "JupyterLab"
    choice, remembered = read_choice(site, {"tier": "small", "interface": "Notebook"})
    assert (choice.interface, remembered) == (
        "Notebook",
        {"profile": "small", "interface": "Notebook"},
    )
    for value in ("/tree", "notebook", "", None, ["Notebook"], "https://elsewhere.example.org"):
        with pytest.raises(BadChoice, match="one of: JupyterLab, Notebook"):
            read_choice(site, {"tier": "small", "interface": value})
    with pytest.raises(BadChoice, match="no option 'interface'"):
        read_choice(SITE, {"tier": "small", "interface": "JupyterLab"})


def with_images() -> Site:
    """The site, whose tier `small` has two of its three images."""
    values = SITE.model_dump(mode="json")
    images = [{"key": key, "title": key.title(), "path": f"/i/{key}"} for key in ("a", "b", "c")]
    values["server"] |= {"containers": {"engine": "apptainer"}, "images": images}
    values["tiers"][0]["images"] = ["b", "a"]
    return Site.model_validate(values)


def test_the_first_image_of_the_tier_is_the_default() -> None:
    assert read_choice(with_images(), {"tier": "small"})[0].image == "b"
    assert read_choice(with_images(), {"tier": "large"})[0].image == ""
    choice, stored = read_choice(with_images(), {"tier": "small", "image": "a"})
    assert (choice.image, stored) == ("a", {"profile": "small", "image": "a"})
    last = form_values_of(with_images(), choice.as_dict(), Eligibility())
    assert last == {"profile": "small", "image": "a"}


@pytest.mark.parametrize("value", ["c", "A", "", "/i/a", None, ["a"], {"key": "a"}, 1], ids=repr)
def test_an_image_that_is_not_the_tiers_is_refused(value: object) -> None:
    with pytest.raises(BadChoice, match="is not one of: b, a"):
        read_choice(with_images(), {"tier": "small", "image": value})
    with pytest.raises(BadChoice, match="has no option 'image'"):
        read_choice(with_images(), {"tier": "large", "image": value})
