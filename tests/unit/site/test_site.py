"""The Site: what a file means, what never goes together, and that no file at all ends in a
traceback."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sitekit.base.errors import BadInput, BadInputs
from sitekit.site import Site, load_site
from sitekit.site.sections.tier import Tier
from sitekit.site.yaml_files.model_fields import example, walk
from sitekit.site.yaml_files.validate_yaml import validate
from sitekit.site.yaml_files.yaml_file import Document, read_yaml

HERE = Path(__file__).parent
GOOD = read_yaml(HERE / "good_site.yml")


def good() -> dict:
    return copy.deepcopy(GOOD.values)


def site_of(values: dict) -> Site:
    return validate(Site, Document(Path("site.yml"), values, dict(lines_of(values))))


def lines_of(values: object, key: tuple = ()):
    """Every key path of a value, as if each stood on line 7."""
    rows = (
        values.items()
        if isinstance(values, dict)
        else enumerate(values)
        if isinstance(values, list)
        else ()
    )
    for name, below in rows:
        yield (*key, name), 7
        yield from lines_of(below, (*key, name))


def test_a_good_file_is_a_site() -> None:
    site = load_site(HERE / "good_site.yml")
    assert (site.name, site.hub.address, site.proxy.api_port) == ("small", "10.1.0.5", 8001)
    assert (site.tiers[0].memory, site.tiers[0].cap, site.tiers[0].time) == (2200, 11000, 36000)
    assert site.tiers[1].cap == site.tiers[1].memory == 2048
    assert site.tiers[1].idle is None


@pytest.mark.parametrize(
    "path", sorted((HERE.parents[2] / "config" / "sites").glob("*.yml")), ids=lambda path: path.stem
)
def test_every_shipped_site_is_good(path: Path) -> None:
    assert load_site(path).name == path.stem


def test_nothing_can_be_changed_afterwards() -> None:
    site = load_site(HERE / "good_site.yml")
    for part, name, value in (
        (site, "name", "other"),
        (site.hub, "port", 1),
        (site.tiers[0], "memory", 1),
    ):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, value)


def test_nobody_may_log_in_by_default() -> None:
    values = good()
    del values["login"]
    with pytest.raises(BadInputs, match="this key is missing"):
        site_of(values)
    values["login"] = {}
    with pytest.raises(BadInputs, match=r"login\.allowed_groups: this key is missing"):
        site_of(values)


def test_an_unknown_tier_is_no_tier() -> None:
    site = load_site(HERE / "good_site.yml")
    assert site.tier("long") is site.tiers[1]
    with pytest.raises(KeyError):
        site.tier("default")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("https://hub.example.org", "hub.example.org", 443),
        ("https://hub.example.org/", "hub.example.org", 443),
        ("https://localhost:8443", "localhost", 8443),
        ("https://[2001:db8::1]:8443", "2001:db8::1", 8443),
    ],
)
def test_the_front_knows_its_host_and_port(text: str, host: str, port: int) -> None:
    values = good()
    values["front"]["url"] = text
    front = site_of(values).front
    assert (front.host, front.port, front.url) == (host, port, text.rstrip("/"))


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("front", "url", "https://"),
        ("front", "url", "https://user@hub.example.org"),
        ("front", "url", "https://hub.example.org?next=x"),
        ("front", "url", "https://hub.example.org\nListen 22"),
        ("front", "url", "https://[::1"),
        ("hub", "address", "hub.example.org:8081"),
        ("hub", "address", "10.1.0.500"),
        ("hub", "address", "$(hostname)"),
        ("hub", "user", "root"),
        ("proxy", "user", "root"),
        ("hub", "user", "#0"),
        ("hub", "user", "hub,root"),
        ("login", "allowed_groups", ["staff) ALL=(ALL"]),
        ("paths", "prefix", "/opt/%i"),
        ("paths", "prefix", "/opt/$HOME"),
        ("paths", "prefix", "/opt/../etc"),
        ("paths", "prefix", '/opt/"x'),
        ("paths", "state", "~/state"),
        ("environment", "channels", ["conda-forge --insecure"]),
        ("environment", "channels", []),
        ("server", "interfaces", {"JupyterLab": "//elsewhere.example.org/?x"}),
        ("server", "interfaces", {}),
        ("kernels", "modulepath", ["/opt/modules:/tmp"]),
    ],
)
def test_what_would_mean_something_else_in_other_files_is_refused(
    section: str, name: str, value: object
) -> None:
    values = good()
    values.setdefault(section, {})[name] = value
    with pytest.raises(BadInputs) as refused:
        site_of(values)
    (problem,) = refused.value.problems
    assert problem.where.startswith(f"site.yml:7: {section}.{name}")
    assert problem.remedy


@pytest.mark.parametrize(
    ("cap", "mib"),
    [
        ("1x", 2200),
        ("2.5x", 5500),
        ("10G", 10240),
        ("2200M", 2200),
        ("1.15x", 2530),
        ("1.1x", 2420),
    ],
)
def test_a_cap_is_a_factor_or_an_amount(cap: str, mib: int) -> None:
    values = good()
    values["tiers"][0]["memory_cap"] = cap
    assert site_of(values).tiers[0].cap == mib


def test_faults_between_sections_are_all_told_at_once() -> None:
    values = good()
    values["proxy"] |= {"user": values["hub"]["user"], "port": values["hub"]["port"]}
    values["tiers"][1]["key"] = values["tiers"][0]["key"]
    values["paths"]["state"] = values["paths"]["prefix"] + "/state"
    with pytest.raises(BadInputs) as refused:
        site_of(values)
    keys = {problem.where.split(": ")[1] for problem in refused.value.problems}
    assert keys == {"proxy.user", "proxy.port", "tiers[1].key", "paths.state"}


def test_every_example_in_a_remedy_is_a_good_value() -> None:
    """Taking the advice of every message together gives a site."""
    advice = "\n".join(
        f"{name}: {example(field)}"
        for name, field in Site.model_fields.items()
        if field.is_required()
    )
    values = read_yaml_text(advice)
    assert site_of(values).name
    for path, field in walk(Site):
        if field.is_required():
            assert example(field), (
                f"{'.'.join(path)} is required and has no example: Field(examples=[...])"
            )


def test_every_default_in_a_remedy_is_the_default() -> None:
    written = {path: example(field) for path, field in walk(Site) if not field.is_required()}
    assert written["tiers", "start_timeout"] == "0:30:00"
    assert written["hub", "port"] == "8081"
    assert written["environment", "channels"] == "[conda-forge]"
    tier = Tier(key="a", title="A", partitions=("p",), memory="1G", time="1h", idle="never")
    for name, field in Tier.model_fields.items():
        # of partitions, which only Slurm's tiers have, the remedy is an example
        if not field.is_required() and example(field) and name != "partitions":
            advice = read_yaml_text(f"{name}: {example(field)}")
            assert (
                Tier(
                    key="a",
                    title="A",
                    partitions=("p",),
                    memory="1G",
                    time="1h",
                    idle="never",
                    **advice,
                )
                == tier
            )


def read_yaml_text(text: str) -> dict:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


JUNK = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JUNK = JUNK | st.lists(JUNK, max_size=3) | st.dictionaries(st.text(max_size=8), JUNK, max_size=3)
PLACES = [key for key in GOOD.lines if key]


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3))
def test_any_value_anywhere_gives_a_site_or_a_refusal_of_that_key(changes: list) -> None:
    values = good()
    for key, junk in changes:
        here = values
        for part in key[:-1]:
            here = (
                here[part] if isinstance(here, dict | list) and part in range_or_keys(here) else {}
            )
        if isinstance(here, dict) or (isinstance(here, list) and key[-1] in range_or_keys(here)):
            here[key[-1]] = junk
    try:
        assert isinstance(site_of(values), Site)
    except BadInput as refused:
        assert isinstance(refused, BadInputs)
        for problem in refused.problems:
            assert problem.what.isprintable()
            assert problem.remedy.isprintable()
            assert ": " in problem.where, "every refusal names a key"


def range_or_keys(values: dict | list):
    return range(len(values)) if isinstance(values, list) else values
