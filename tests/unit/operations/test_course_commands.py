"""course_new writes a file that the site takes, or nothing; reservations and seats as Slurm prints
them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from sitekit.base.data_files import data
from sitekit.base.errors import BadInput
from sitekit.operations.courses import capacity, check_reservation
from sitekit.operations.courses.check_course import course_of
from sitekit.operations.courses.new_course import course_new
from sitekit.site import Site, load_site
from sitekit.site.courses.course_files import Course, read_course

SITE = load_site(data("config/sites/demo.yml"))
GIVEN = (
    "COURSE=bio101",
    'TITLE=It\'s: #1 "Bio"',
    "STARTS=2026-09-01",
    "ENDS=2026-12-15",
    "TIER=small",
    "ROSTER=bio101.csv",
    "INSTRUCTORS=alice, bob",
    "REPOSITORY=https://git.example.org/bio/course",
    "REF=main",
    "PAGE=first.ipynb",
    "RESERVATION=bio101",
)
LINE = (
    "ReservationName=bio101 StartTime=1788238800 EndTime=1788253200 Duration=04:00:00 "
    "Nodes=n[1-2] NodeCnt=2 CoreCnt=8 Features=(null) PartitionName=jupyter-short "
    "Flags=IGNORE_JOBS TRES=cpu=8 Users=alice,bob Groups=(null) Accounts=(null) State=ACTIVE"
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder = tmp_path / "courses"
    return SITE.model_copy(update={"paths": SITE.paths.model_copy(update={"courses": folder})})


def files(site: Site) -> list[str]:
    folder = site.paths.courses
    return sorted(path.name for path in folder.iterdir()) if folder and folder.exists() else []


def test_a_new_course_is_one_that_the_site_takes(site: Site) -> None:
    assert course_new(site, *GIVEN) == 0
    assert files(site) == ["bio101.csv", "bio101.yml"]
    course = course_of(site, "course_check", ("bio101",))
    assert course.file.title == 'It\'s: #1 "Bio"'
    assert course.file.instructors == ("alice", "bob")
    assert course.tier.reservation == "bio101"
    assert course.file.material and course.file.material.ref == "main"
    with pytest.raises(BadInput, match="there is a course of this name already"):
        course_new(site, *GIVEN)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("ENDS=2026-08-01", "ends before it starts"),
        ("TIER=huge", "there is no tier 'huge'"),
        ("COURSE=../x", "cannot be a course's name"),
        ("COLOUR=red", "is not one of"),
        ("REPOSITORY=ext::sh -c id", "https address"),
        ("ROSTER=../names.csv", "beside the course file"),
    ],
)
def test_a_wrong_answer_writes_no_course(site: Site, wrong: str, told: str) -> None:
    name = wrong.partition("=")[0]
    with pytest.raises(BadInput, match=told):
        course_new(site, *(word for word in GIVEN if not word.startswith(f"{name}=")), wrong)
    assert files(site) == []


def test_without_a_terminal_a_missing_answer_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="TITLE is missing"):
        course_new(site, *(word for word in GIVEN if not word.startswith("TITLE=")))
    assert files(site) == []


def test_a_course_that_does_not_exist_is_refused_with_those_that_do(site: Site) -> None:
    course_new(site, *GIVEN)
    for words in ((), ("",), ("chem",), ("../bio101",)):
        with pytest.raises(BadInput, match="one of: bio101"):
            course_of(site, "course_check", words)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    path = tmp_path / "bio101.yml"
    path.write_text(
        "title: Bio\nstarts: 2026-09-01\nends: 2026-09-01\nzone: UTC\ntier: small\n"
        "roster: {group: bio}\nreservation: bio101\n"
    )
    return read_course(path, SITE)


def told(line: str, course: Course, *users: str, **known: dict[str, frozenset[str]]) -> str:
    now = datetime(2026, 8, 1, tzinfo=timezone.utc)
    accounts, groups = known.get("accounts", {}), known.get("groups", {})
    one = check_reservation.parse(line)
    return "\n".join(
        f.what for f in check_reservation.fits(one, course, users, accounts, groups, now)
    )


def test_a_reservation_that_fits(course: Course) -> None:
    assert told(LINE, course, "alice", "bob") == ""
    by_account = LINE.replace("Users=alice,bob", "Users=(null)").replace(
        "Accounts=(null)", "Accounts=bio"
    )
    assert told(by_account, course, "alice", accounts={"alice": frozenset({"bio"})}) == ""
    assert "alice" in told(by_account, course, "alice")
    by_group = LINE.replace("Groups=(null)", "Groups=bio").replace("alice,bob", "(null)")
    assert told(by_group, course, "alice", groups={"alice": frozenset({"bio"})}) == ""
    assert "alice" in told(by_group, course, "alice")


def test_a_reservation_that_does_not_fit(course: Course) -> None:
    assert "not open to 1 of the roster: carol" in told(LINE, course, "alice", "carol")
    without = LINE.replace("Users=alice,bob", "Users=-bob")
    assert "1 of the roster: bob" in told(without, course, "alice", "bob")
    another = LINE.replace("jupyter-short", "batch")
    assert "is in the partition batch, and the tier is not" in told(another, course, "alice")
    later = course.file.model_copy(
        update={"starts": datetime(2026, 10, 1), "ends": datetime(2026, 10, 2)}
    )
    moved = Course(course.key, later, course.users, course.tier)
    assert "do not overlap" in told(LINE, moved, "alice")
    one, over = check_reservation.parse(LINE), datetime(2026, 9, 2, tzinfo=timezone.utc)
    [finding] = check_reservation.fits(one, course, ["alice"], {}, {}, over + timedelta(days=1))
    assert "is over since" in finding.what


@pytest.mark.parametrize("line", ["", "No reservations in the system", "StartTime=now EndTime=x"])
def test_another_answer_of_scontrol_is_no_reservation(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_reservation.parse(line)


def test_seats_are_what_fits_on_each_node() -> None:
    lines = ("n1|4|8000|idle|p", "n2|4|900|mixed|p", "n1|4|8000|idle|q", "n5|64|512000|idle|q")
    away = ("n3|64|512000|down*|p", "n4|64|512000|drained|p", "odd line")
    nodes = list(capacity.read_nodes("\n".join(lines + away), ("p",)).values())
    assert [node.name for node in nodes] == ["n1", "n2"]
    small = SITE.tier("small")  # 1 CPU, 300 MiB
    assert capacity.seats(small, nodes) == 4 + 3
    assert capacity.seats(small.model_copy(update={"exclusive": True}), nodes) == 2
    assert capacity.seats(small.model_copy(update={"nodes": 2}), nodes) == 1
    assert capacity.seats(small, []) == 0
