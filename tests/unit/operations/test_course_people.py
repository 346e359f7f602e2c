"""course_check finds the names of a roster that the hub gives to nobody."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sitekit.base.data_files import data
from sitekit.base.errors import BadInputs
from sitekit.operations.courses import check_associations, roster_accounts
from sitekit.site import Site, load_site
from sitekit.site.courses.course_files import read_course, site_courses
from sitekit.site.sections.login_provider import People
from sitekit.site.show import check_site

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
    found = [
        (one.where, one.what)
        for one in roster_accounts.check_participants(site, read_course(path, site))
    ]
    if not why:
        assert found == []
    else:
        [(where, what)] = found
        assert where == "n.csv" and name in what and why in what


def test_a_line_that_names_nobody_is_refused_with_its_place(tmp_path: Path) -> None:
    """By check_site, and by diff and apply, which render the courses."""
    (tmp_path / "bio101.yml").write_text(
        "title: Bio\nstarts: 2026-09-01\nends: 2026-09-01\ntier: small\nroster: {file: n.csv}\n"
        "instructors:\n  - carol\n  - Dave\n"
    )
    (tmp_path / "n.csv").write_text("# names\nalice\nbob@uni.example.org\nErin, instructor\n")
    site = with_domains(*ONE)
    site = site.model_copy(
        update={"paths": site.paths.model_copy(update={"courses": tmp_path})}, deep=True
    )
    for read in (site_courses, check_site):
        with pytest.raises(BadInputs) as refusal:
            read(site)
        told = str(refusal.value)
        assert "bio101.yml:8: instructors[1]" in told and "nobody has the name Dave" in told
        assert "n.csv:3: nobody has the name bob@uni.example.org" in told
        assert "n.csv:4: nobody has the name Erin" in told and "alice" not in told
    assert read_course(tmp_path / "bio101.yml", site).users, "the hub keeps the course"


@pytest.mark.parametrize(
    ("enforced", "account", "missing"),
    [
        ("none", None, None),
        ("associations,limits,qos", None, "bob,dan"),
        ("limits", "teaching", "bob,dan"),
        ("associations", "other", "alice,bob,dan"),
    ],
)
def test_participants_whose_jobs_slurm_refuses_are_named(
    tmp_path: Path, enforced: str, account: str | None, missing: str | None
) -> None:
    path = tmp_path / "bio101.yml"
    path.write_text(
        "title: Bio\nstarts: 2026-09-01\nends: 2026-09-01\ntier: small\nroster: {file: n.csv}\n"
    )
    path.with_name("n.csv").write_text("alice\nbob\ndan\ncarol,instructor\n")
    course = read_course(path, SITE)
    tier = course.tier.model_copy(update={"account": account})
    course = dataclasses.replace(course, tier=tier)

    def ask(program: str, *words: str) -> str:
        if program == "scontrol":
            return f"AccountingStorageEnforce = {enforced}\n"
        assert "users=alice,bob,dan" in words
        return "" if "accounts=other" in words else "alice\nalice\n"

    found = list(check_associations.check_associations(course, ask))
    assert [one.remedy for one in found] == (
        [f"sacctmgr add user {missing} account={account or 'ACCOUNT'}"] if missing else []
    )
