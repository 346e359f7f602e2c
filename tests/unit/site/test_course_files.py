"""Course files: read with line numbers, refused with a remedy, and turned into a tier.

Beside each broken_courses/NAME.yml lies NAME.expected: the place, a piece of what is wrong and a
piece of the remedy.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

import pytest

from sitekit.base.data_files import data
from sitekit.base.errors import BadInput, BadInputs
from sitekit.base.files import open_file
from sitekit.machine.host.file_to_write import File
from sitekit.machine.host.platform import this_platform
from sitekit.machine.render.rendered_files import render
from sitekit.site import Site, load_site
from sitekit.site.courses import course_files, read_course_file_safely
from sitekit.site.courses.course import CourseFile
from sitekit.site.courses.course_files import Course, read_course, read_courses, site_courses
from sitekit.site.courses.read_roster import read_roster
from sitekit.site.show import check_site

SITE = load_site(data("config/sites/demo.yml"))
BROKEN = Path(__file__).parent / "broken_courses"
WHOLE = """
title: Bioinformatics 101
starts: 2026-09-01 08:30
ends: 2026-12-15
zone: Europe/Helsinki
tier: small
limits: {memory: 500M, cpus: 2, time: 2:00:00, idle: never}
reservation: bio101
kernel: python-3.11
roster: {group: bio, file: names.csv}
instructors: [carol]
material: {repository: https://git.example.org/bio/course, ref: v1}
page: intro/01 start.ipynb
"""


def written(folder: Path, text: str = WHOLE, names: str = "alice\nbob, instructor\n") -> Path:
    (folder / "names.csv").write_text(names)
    path = folder / "bio101.yml"
    path.write_text(text)
    return path


def rendered(site: Site) -> dict[Path, File]:
    return render(site, this_platform(), site_courses(site))


def with_courses(folder: Path) -> Site:
    return SITE.model_copy(update={"paths": SITE.paths.model_copy(update={"courses": folder})})


@pytest.mark.parametrize("name", sorted(path.stem for path in BROKEN.glob("*.yml")))
def test_a_broken_course_is_refused(name: str, tmp_path: Path) -> None:
    path = written(tmp_path, (BROKEN / f"{name}.yml").read_text())
    with pytest.raises(BadInput) as refusal:
        read_course(path, SITE)
    place, what, remedy = (BROKEN / f"{name}.expected").read_text().splitlines()
    line, _, key = place.partition(", key ")
    told = str(refusal.value)
    assert f"{path}:{line}: {key}: " in told and what in told
    assert remedy in told.partition("->")[2], told


@pytest.mark.parametrize(
    "date",
    ["9999-12-31", "0001-01-01", "'9999-12-31 23:59'", "1999-12-31", "0001-01-01 00:00:00+14:00"],
)
@pytest.mark.parametrize("key", ["starts", "ends"])
def test_a_date_that_no_calendar_of_a_course_has_is_refused(
    tmp_path: Path, key: str, date: str
) -> None:
    lines = WHOLE.splitlines()
    line = next(number for number, text in enumerate(lines) if text.startswith(key))
    lines[line] = f"{key}: {date}"
    path = written(tmp_path, "\n".join(lines))
    with pytest.raises(BadInput, match=f"bio101.yml:{line + 1}: "):
        read_course(path, SITE)


def test_a_course_is_a_tier_with_its_own_limits(tmp_path: Path) -> None:
    course = read_course(written(tmp_path), SITE)
    tier, base = course.tier, SITE.tier("small")
    assert (tier.key, tier.title, tier.reservation) == ("bio101", "Bioinformatics 101", "bio101")
    assert (tier.memory, tier.cpus, tier.time, tier.idle) == (500, 2, 7200, None)
    assert tier.cap == 2500 and tier.partitions == base.partitions
    plain = read_course(written(tmp_path, WHOLE.replace("limits:", "#")), SITE).tier
    assert (plain.memory, plain.idle) == (base.memory, base.idle)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-09-01T05:29:59+00:00", False),
        ("2026-09-01T05:30:00+00:00", True),  # 8:30 in Helsinki, in summer
        ("2026-12-15T21:59:59+00:00", True),  # the last day is included; in winter
        ("2026-12-15T22:00:00+00:00", False),
    ],
)
def test_a_course_is_open_between_its_dates(tmp_path: Path, moment: str, is_open: bool) -> None:
    course = read_course(written(tmp_path), SITE)
    assert course.is_open(datetime.fromisoformat(moment)) is is_open


def test_without_a_zone_the_dates_are_those_of_the_machine() -> None:
    file = CourseFile.model_validate(
        {"title": "t", "starts": "2026-09-01", "ends": "2026-09-01", "tier": "s"}
        | {"roster": {"group": "g"}}
    )
    begin, end = file.period(ZoneInfo("America/Lima"))
    assert begin == datetime(2026, 9, 1, 5, tzinfo=timezone.utc)
    assert (end - begin).total_seconds() == 86400


def test_who_is_in_a_course(tmp_path: Path) -> None:
    course: Course = read_course(written(tmp_path), SITE)
    assert [course.has(name, ()) for name in ("alice", "bob", "carol", "dave")] == [1, 1, 1, 0]
    assert course.has("dave", {"bio"}) and not course.has("dave", {"biology"})
    assert [course.is_instructor(name) for name in ("alice", "bob", "carol")] == [0, 1, 1]


def test_a_folder_is_no_material_for_a_container_of_this_host(tmp_path: Path) -> None:
    """It sees only the home."""
    site = load_site(data("config/sites/workshop-vm.yml"))
    text = "title: A\nstarts: 2026-09-01\nends: 2026-09-01\ntier: participant\n"
    text += "roster: {file: names.csv}\nmaterial: {folder: /srv/course}\n"
    with pytest.raises(BadInputs, match=r"bio101\.yml:6: material\.folder: a container"):
        read_course(written(tmp_path, text), site)


@pytest.mark.parametrize("line", ["bob,admin", "b ob", "../bob", "-bob", "bob\x00", "alice"])
def test_an_odd_line_of_a_roster_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "names.csv"
    with pytest.raises(BadInputs, match=r"names\.csv:4: "):
        read_roster(path, f"# names\n\nalice\n{line}\n")


def test_a_roster_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    """Also in a comment, which has no name to refuse."""
    written(tmp_path)
    (tmp_path / "names.csv").write_bytes("alice\n# für alle\n".encode("latin-1"))
    for read in (site_courses, rendered):
        with pytest.raises(BadInput, match=r"names\.csv:2: this line is not UTF-8 text"):
            read(with_courses(tmp_path))


def test_a_roster_that_is_missing_or_too_long_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, names="alice\n" * 200_000)
    with pytest.raises(BadInput, match=r"names\.csv: the file is longer than"):
        read_course(path, SITE)
    (tmp_path / "names.csv").unlink()
    with pytest.raises(BadInput, match=r"names\.csv: the file cannot be read: No such file"):
        read_course(path, SITE)


@pytest.mark.parametrize("name", ["bio101.yml", "names.csv"])
def test_a_file_of_an_instructor_leads_root_nowhere(tmp_path: Path, name: str) -> None:
    """No line of a file that only root may read is told, and nothing waits for ever."""
    secret, path = tmp_path / "secret", written(tmp_path)
    secret.write_text("root:secret\n")
    for source in (secret, Path("/dev/zero")):
        (tmp_path / name).unlink()
        (tmp_path / name).symlink_to(source)
        with pytest.raises(BadInput, match=f"{name}: .* a symbolic link") as refusal:
            site_courses(with_courses(tmp_path))
        assert "root:secret" not in str(refusal.value)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(BadInput, match=f"{name}: .* this is not a regular file"):
        read_course(path, SITE)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &a [1]\nb: [*a, *a]\n", r"bio101\.yml:2: a course file must not contain '\*' aliases"),
        ("[" * 10_000, r"bio101\.yml:1: lists or keys are nested too deeply"),
    ],
)
def test_a_file_that_takes_too_much_memory_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        read_course(written(tmp_path, text), SITE)


def test_what_was_checked_is_written_and_used_by_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file is opened once, so that a change while root reads cannot get past the checks."""
    written(tmp_path)
    (tmp_path / "second.yml").write_text(WHOLE.replace("v1", "v2"))
    opened: list[str] = []

    def once(path: Path) -> BinaryIO:
        opened.append(path.name)
        content = open_file(path)
        path.unlink()  # and somebody writes another file
        path.write_text("title: [\n")
        return content

    monkeypatch.setattr(read_course_file_safely, "open_file", once)
    files = rendered(with_courses(tmp_path))
    assert sorted(opened) == ["bio101.yml", "names.csv", "second.yml"]
    assert files[SITE.etc / "courses" / "bio101.yml"].content == WHOLE
    assert files[SITE.etc / "courses" / "names.csv"].content == "alice\nbob, instructor\n"
    gate = json.loads(files[SITE.libexec / "gate.json"].content)["courses"]
    assert [gate[key]["branch"] for key in ("bio101", "second")] == ["v1", "v2"]


def test_check_site_tells_the_errors_of_all_courses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path)
    assert check_site(with_courses(tmp_path)) == 0
    assert "course 'bio101': Bioinformatics 101, 2026-09-01 08:30" in capsys.readouterr().out
    (tmp_path / "one.yml").write_text("title: One\n")
    (tmp_path / "two.yml").write_text("- 2\n")
    with pytest.raises(BadInputs) as refusal:
        read_courses(tmp_path, SITE)
    assert "one.yml:1: starts" in str(refusal.value) and "two.yml:1" in str(refusal.value)


def test_a_folder_that_is_missing_removes_no_courses(tmp_path: Path) -> None:
    """A disk that is not mounted; only the folder that nobody has named may be missing."""
    away = with_courses(tmp_path / "away")
    for read in (site_courses, check_site, rendered):
        with pytest.raises(BadInput, match="this folder of courses does not exist") as refusal:
            read(away)
        assert str(tmp_path / "away") in str(refusal.value) and "mount it" in str(refusal.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be read: Not a directory"):
        site_courses(with_courses(tmp_path / "file"))
    written(tmp_path)
    assert [course.key for course in site_courses(with_courses(tmp_path))] == ["bio101"]


def test_without_a_named_folder_there_need_not_be_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course_files, "CHECKOUT", tmp_path)
    assert site_courses(SITE) == []
