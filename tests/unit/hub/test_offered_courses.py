"""The hub offers a course between its dates, to its roster, and reads a changed file again."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from sitekit.base.data_files import data
from sitekit.hub.choices.check_choice import BadChoice, Eligibility, read_choice, tiers_for
from sitekit.hub.servers import offered_courses
from sitekit.hub.servers.offered_courses import OfferedCourses
from sitekit.site import Site, load_site
from sitekit.site.courses.course_files import Course

SITE = load_site(data("config/sites/demo.yml"))
TEXT = """
title: Bioinformatics 101
starts: 2026-09-01
ends: 2026-09-30
zone: UTC
tier: small
roster: {file: names.csv, group: bio}
"""


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 9, 2, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def courses(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> OfferedCourses:
    monkeypatch.setattr(offered_courses, "offered_courses", lambda site: tmp_path)
    (tmp_path / "names.csv").write_text("alice\n")
    (tmp_path / "bio101.yml").write_text(TEXT)
    return OfferedCourses(SITE, clock)


def keys(courses: OfferedCourses, user: str, groups: set[str] | None = None) -> list[str]:
    return [tier.key for tier in courses.tiers_for(user, groups)]


def test_only_the_roster_sees_it_and_only_between_its_dates(
    courses: OfferedCourses, clock: Clock
) -> None:
    assert keys(courses, "alice") == ["bio101"]
    assert keys(courses, "bob", {"users"}) == []
    assert keys(courses, "bob", {"bio"}) == ["bio101"]
    for moment in (datetime(2026, 8, 31, 23, 59), datetime(2026, 10, 1)):
        clock.now = moment.replace(tzinfo=timezone.utc)
        assert keys(courses, "alice") == keys(courses, "bob", {"bio"}) == []
        assert courses.course("bio101") is not None, "servers that run still have their tier"


def test_a_changed_file_is_read_again(courses: OfferedCourses, tmp_path: Path) -> None:
    assert keys(courses, "bob") == []
    (tmp_path / "names.csv").write_text("alice\nbob\n")
    assert keys(courses, "bob") == ["bio101"]
    (tmp_path / "bio101.yml").unlink()
    assert keys(courses, "bob") == []


def test_a_broken_course_takes_no_other_one_down(
    courses: OfferedCourses, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.yml").write_text("title: [\n")
    (tmp_path / "other.yml").write_text(TEXT.replace("tier: small", "tier: none"))
    with caplog.at_level(logging.ERROR):
        assert keys(courses, "alice") == keys(courses, "alice") == ["bio101"]
    assert caplog.text.count("The course broken is left out") == 1
    assert "there is no tier 'none'" in caplog.text


@pytest.mark.parametrize("error", [ValueError, OverflowError, OSError])
def test_an_error_that_nobody_has_foreseen_takes_no_other_course_down(
    courses: OfferedCourses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception],
) -> None:
    read = offered_courses.read_course

    def fails_for_one(path: Path, site: Site) -> Course:
        if path.stem == "odd":
            raise error("date value out of range")
        return read(path, site)

    monkeypatch.setattr(offered_courses, "read_course", fails_for_one)
    (tmp_path / "odd.yml").write_text(TEXT)
    assert keys(courses, "alice") == ["bio101"]


def test_without_the_folder_there_are_no_courses(clock: Clock) -> None:
    assert keys(OfferedCourses(SITE.model_copy(update={"name": "nowhere"}), clock), "alice") == []


def test_a_drill_lets_its_users_start_before_the_dates(
    courses: OfferedCourses, clock: Clock, tmp_path: Path
) -> None:
    clock.now = datetime(2026, 8, 1, tzinfo=timezone.utc)
    (tmp_path / "bio101.drill").write_text("alice\nmallory\n")
    os.utime(tmp_path / "bio101.drill", (clock.now.timestamp(),) * 2)
    assert keys(courses, "alice") == ["bio101"]
    assert keys(courses, "mallory") == [], "who is not in the roster"
    clock.now = datetime(2026, 8, 2, tzinfo=timezone.utc)
    assert keys(courses, "alice") == [], "a drill that was killed"


def test_the_choice_of_a_course_has_its_name_and_its_figures_are_fixed(
    courses: OfferedCourses,
) -> None:
    alice = Eligibility(courses=courses.tiers_for("alice", frozenset()))
    assert tiers_for(SITE, alice)[0].key == "bio101", "first on the form"
    choice, kept = read_choice(SITE, {"tier": "bio101"}, alice)
    assert (choice.course, choice.tier, choice.memory) == ("bio101", "bio101", 300)
    assert kept == {"profile": "bio101"}
    assert read_choice(SITE, {"tier": "small"}, alice)[0].course == ""
    for options in ({"tier": "bio101", "memory": "1G"}, {"tier": "small", "course": "bio101"}):
        with pytest.raises(BadChoice):
            read_choice(SITE, options, alice)
    with pytest.raises(BadChoice, match="there is no tier 'bio101' for you"):
        read_choice(SITE, {"tier": "bio101"}, Eligibility())
