"""course_check finds the names of a roster that the hub gives to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitekit.base.data import data
from sitekit.operations.courses import people
from sitekit.site import Site, load_site
from sitekit.site.course_files import read_course
from sitekit.site.login_provider import People

SITE = load_site(data("config/sites/demo.yml"))
ONE, TWO = ("uni.example.org",), ("uni.example.org", "lab.example.org")


def with_domains(*domains: str) -> Site:
    update = {"method": "cilogon", "allow": People(users=("x",), domains=domains)}
    return SITE.model_copy(update={"login": SITE.login.model_copy(update=update)})


@pytest.mark.parametrize(
    ("domains", "name", "why"),
    [
        ((), "alice", ""),
        ((), "alice@uni.example.org", ""),
        ((), "Alice", "lower case"),
        (ONE, "alice", ""),
        (ONE, "alice@uni.example.org", "removes the domain"),
        (ONE, "alice@lab.example.org", "removes the domain"),
        (TWO, "alice@lab.example.org", ""),
        (TWO, "alice", "end with one of: @uni.example.org, @lab.example.org"),
        (TWO, "alice@other.example.org", "end with one of"),
        (TWO, "alice@LAB.example.org", "lower case"),
    ],
)
def test_a_name_that_a_provider_never_gives_is_found(
    tmp_path: Path, domains: tuple[str, ...], name: str, why: str
) -> None:
    path = tmp_path / "bio101.yml"
    path.write_text(
        "title: Bio\nstarts: 2026-09-01\nends: 2026-09-01\ntier: small\nroster: {file: n.csv}\n"
    )
    teacher = f"carol@{domains[0]}" if len(domains) > 1 else "carol"
    (tmp_path / "n.csv").write_text(f"{name}\n{teacher},instructor\n")
    site = with_domains(*domains)
    found = [(one.where, one.what) for one in people.look(site, read_course(path, site))]
    if not why:
        assert found == []
    else:
        [(where, what)] = found
        assert where == "n.csv" and name in what and why in what
