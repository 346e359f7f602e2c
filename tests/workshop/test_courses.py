"""Courses on Docker and on systemd: who sees them and when, and material that a second start keeps."""

from __future__ import annotations

import pwd
import re
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from sitekit.site.courses.course_files import offered_courses

from ..applied import courses_applied
from ..person import Person
from ..unit.session.git_remote import Remote, remote
from .conftest import Workshop

ON = {"docker": "trainee1", "systemd": "trainee2"}
"""The participants of the courses, by the tier on which the course runs. trainee3 is in no course."""
TODAY, DAY = date.today(), timedelta(days=1)


@dataclass
class Courses:
    """The courses `on-docker` and `on-systemd`, and the repository of their material."""

    folder: Path
    upstream: Remote

    def text(self, engine: str, starts: date = TODAY, ends: date = TODAY + DAY) -> str:
        """The course file."""
        return (
            f"title: On {engine}\nstarts: {starts}\nends: {ends}\ntier: {engine}\n"
            "limits: {memory: 250M, time: 1:00:00}\nroster: {file: names.csv}\n"
            f"material: {{repository: {self.upstream.base}/course.git, ref: main}}\n"
            "page: first.txt\n"
        )


@pytest.fixture(scope="module")
def courses(workshop: Workshop) -> Iterator[Courses]:
    """The courses of the site; the participants' git accepts the repository's certificate."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        for folder in folders:
            folder.chmod(0o755)
        upstream = stack.enter_context(remote(folders[0], workshop.site.docker.gateway))
        (upstream.work / "first.txt").write_text("one\n")
        upstream.publish("first")
        one = Courses(folders[1], upstream)
        (one.folder / "names.csv").write_text("".join(f"{name}\n" for name in ON.values()))
        for engine, name in ON.items():
            (one.folder / f"on-{engine}.yml").write_text(one.text(engine))
            home = Path(pwd.getpwnam(name).pw_dir)
            shutil.copy(upstream.certificate, home / "git.pem")
            (home / ".gitconfig").write_text(f"[http]\n\tsslCAInfo = {home}/git.pem\n")
            for path in (home / "git.pem", home / ".gitconfig"):
                shutil.chown(path, name, name)
        stack.enter_context(courses_applied(one.folder, workshop.site))
        yield one


@pytest.fixture(scope="module")
def people(workshop: Workshop, courses: Courses) -> Iterator[dict[str, Person]]:
    """The participants, without servers before and after the tests."""
    with ExitStack() as stack:
        found = {engine: stack.enter_context(workshop.person(name)) for engine, name in ON.items()}
        for person in found.values():
            person.login()
            if person.server() is not None:
                person.stop_and_wait()
        yield found
        for person in found.values():
            if person.server() is not None:
                person.stop_and_wait()


def offered(person: Person) -> list[str]:
    return re.findall(r'name="tier" value="([\w-]+)"', person.form())


def test_only_the_roster_sees_the_courses(
    workshop: Workshop, courses: Courses, people: dict[str, Person]
) -> None:
    keys = {f"on-{engine}" for engine in ON}
    for person in people.values():
        assert set(offered(person)[:2]) == keys
    with workshop.person("trainee3") as other:
        other.login()
        assert not set(offered(other)) & keys
        for key in keys:
            assert other.api("POST", "/users/trainee3/server", {"tier": key}).status_code == 400
        assert other.server() is None


def test_before_and_after_its_dates_nobody_sees_a_course(
    workshop: Workshop, courses: Courses, people: dict[str, Person]
) -> None:
    person, place = people["docker"], offered_courses(workshop.site) / "on-docker.yml"
    pid = workshop.pid("hub")
    try:
        for starts, ends in ((TODAY + 2 * DAY, TODAY + 3 * DAY), (TODAY - 3 * DAY, TODAY - DAY)):
            place.write_text(courses.text("docker", starts, ends))
            assert "on-docker" not in offered(person) and "on-systemd" in offered(person)
            answer = person.api("POST", f"/users/{person.name}/server", {"tier": "on-docker"})
            assert answer.status_code == 400
    finally:
        place.write_text(courses.text("docker"))
    assert "on-docker" in offered(person) and workshop.pid("hub") == pid, "without a restart"


def test_a_second_start_keeps_the_participants_changes(
    courses: Courses, people: dict[str, Person]
) -> None:
    """Also after upstream has changed the same file. Both servers start at once."""

    def start(engine: str) -> str:
        person = people[engine]
        told = person.start(f"on-{engine}")
        assert told[-1].get("ready"), told
        return str(person.http.get(f"/user/{person.name}/").url)

    def both() -> list[str]:
        with ThreadPoolExecutor() as pool:
            return list(pool.map(start, ON))

    for engine, url in zip(ON, both(), strict=True):
        assert url.endswith(f"/lab/tree/on-{engine}/first.txt")
    copies = {engine: Path(pwd.getpwnam(ON[engine]).pw_dir, f"on-{engine}") for engine in ON}
    for engine, copy in copies.items():
        assert (copy / "first.txt").read_text() == "one\n"
        assert (copy / "first.txt").stat().st_uid == pwd.getpwnam(ON[engine]).pw_uid
        (copy / "first.txt").write_text("mine\n")
        people[engine].stop_and_wait()
    (courses.upstream.work / "first.txt").write_text("two\n")
    courses.upstream.publish("second")
    both()
    for engine, copy in copies.items():
        assert (copy / "first.txt").read_text() == "mine\n"
        [beside] = copy.glob("first.upstream-*.txt")
        assert beside.read_text() == "two\n"
        notice = people[engine].http.get(f"/user/{ON[engine]}/sitekit/notice").json()
        assert [
            "Your file is as you left it" in one["text"] for one in notice["course_notices"]
        ] == [True]
