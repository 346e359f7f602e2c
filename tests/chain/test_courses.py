"""Courses on the demo: who sees them and when, material that a second start keeps, and what their
instructors see and do."""

from __future__ import annotations

import html
import pwd
import re
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from sitekit.base.errors import BadInput
from sitekit.machine.apply.commands import apply
from sitekit.operations.courses.check_course import course_check
from sitekit.operations.courses.course_drill import course_drill
from sitekit.site import Site
from sitekit.site.courses.course_files import offered_courses

from ..applied import courses_applied
from ..conftest import Demo, logged_in
from ..person import Person
from ..processes import processes, words_of
from ..slurm import ask, jobs, until
from ..unit.session.git_remote import Remote, remote

TITLE = "Bio <b>101</b> & more"
TODAY = date.today()


@dataclass
class Course:
    """The course bio101 of the demo, whose file the test changes."""

    site: Site
    folder: Path
    upstream: Remote

    @property
    def installed(self) -> Path:
        """The file that the hub reads, which `make apply` has written."""
        return offered_courses(self.site) / "bio101.yml"

    def write(self, starts: date = TODAY, ends: date = TODAY + timedelta(days=1)) -> None:
        """Write the course file, which the next apply gives to the hub."""
        (self.folder / "bio101.yml").write_text(
            f'title: "{TITLE}"\nstarts: {starts}\nends: {ends}\ntier: small\n'
            "roster: {file: names.csv}\nreservation: bio101\n"
            f"material: {{repository: {self.upstream.base}/course.git, ref: main}}\n"
            "page: first.txt\n"
        )


def hub_process(site: Site) -> int:
    config = f"{site.etc}/jupyterhub_config.py"
    return next(int(folder.name) for folder in processes() if config in words_of(folder))


@pytest.fixture(scope="module")
def course(demo: Demo) -> Iterator[Course]:
    """alice is a participant, carol teaches, and bob is not in the roster."""
    home = Path(pwd.getpwnam("alice").pw_dir)
    with (
        tempfile.TemporaryDirectory(prefix="sitekit-test-course-") as name,
        remote(Path(name)) as upstream,
        tempfile.TemporaryDirectory(prefix="sitekit-test-courses-") as folder,
    ):
        for place in (name, folder):
            Path(place).chmod(0o755)
        (upstream.work / "first.txt").write_text("one\n")
        upstream.publish("first")
        config = home / ".gitconfig"
        config.write_text(f"[http]\n\tsslCAInfo = {upstream.certificate}\n")
        (Path(folder) / "names.csv").write_text("alice\ncarol,instructor\n")
        reservation = ("users=alice", "starttime=now", "duration=60", "partition=jupyter-short")
        one = Course(demo.site, Path(folder), upstream)
        one.write()
        try:
            ask(demo.site, "scontrol", "create", "reservation", "reservationname=bio101",
                *reservation, "nodecnt=1", "flags=ignore_jobs")  # fmt: skip
            with courses_applied(one.folder) as one.site:
                yield one
                ask(demo.site, "scancel", "--user=alice")
        finally:
            until(lambda: not jobs(demo.site, "alice"))
            ask(demo.site, "scontrol", "delete", "reservationname=bio101")
            config.unlink()
            subprocess.run(["rm", "-rf", "--", home / "bio101"], check=True)


@pytest.fixture
def carol(demo: Demo) -> Iterator[Person]:
    with logged_in(demo, "carol") as person:
        yield person


def tiers(person: Person, query: str = "") -> list[str]:
    return re.findall(r'name="tier" value="(\w+)"', person.form(query))


def start(person: Person) -> int:
    return person.api("POST", f"/users/{person.name}/server", {"tier": "bio101"}).status_code


def act(person: Person, **fields: str) -> int:
    sent = {**fields, "_xsrf": person.xsrf()}
    return person.http.post("/hub/courses/bio101", data=sent, follow_redirects=False).status_code


def state(person: Person) -> dict[str, dict[str, str]]:
    answer = person.http.get("/hub/courses/bio101/state")
    assert answer.status_code == 200
    return {one["name"]: one for one in answer.json()["participants"]}


def test_only_the_roster_sees_the_course_and_first_on_the_form(
    course: Course, alice: Person, bob: Person, carol: Person
) -> None:
    assert tiers(alice)[0] == tiers(carol)[0] == "bio101"
    assert "bio101" not in tiers(bob) + tiers(bob, "?tier=bio101")
    page = alice.form("?tier=bio101")
    assert 'value="bio101" required checked' in page
    assert html.escape(TITLE) in page and "<b>101</b>" not in page
    assert start(bob) == 400
    assert bob.choose("bio101").status_code == 400
    assert bob.server() is None and not jobs(course.site, "bob")
    for name in ("bio101.yml", "names.csv"):
        path = offered_courses(course.site) / name
        assert path.stat().st_mode & 0o777 == 0o640, "only the hub knows who takes part"


def test_before_and_after_its_dates_nobody_sees_it(course: Course, alice: Person) -> None:
    before, day, offered = hub_process(course.site), timedelta(days=1), course.installed
    today = offered.read_text()
    try:
        for starts, ends in ((TODAY + 2 * day, TODAY + 3 * day), (TODAY - 3 * day, TODAY - day)):
            course.write(starts=starts, ends=ends)
            offered.write_text((course.folder / "bio101.yml").read_text())
            assert "bio101" not in tiers(alice)
            assert start(alice) == 400
    finally:
        course.write()
        offered.write_text(today)
    assert tiers(alice)[0] == "bio101"
    assert hub_process(course.site) == before, "the hub was not restarted"


def test_a_broken_course_changes_nothing_and_the_hub_leaves_it_out(
    course: Course, alice: Person
) -> None:
    (course.folder / "broken.yml").write_text("title: [\n")
    try:
        with pytest.raises(BadInput, match=r"broken\.yml:1"):
            apply(course.site)
        (offered_courses(course.site) / "broken.yml").write_text("title: [\n")  # by hand
        assert tiers(alice)[0] == "bio101"
    finally:
        (course.folder / "broken.yml").unlink()
        (offered_courses(course.site) / "broken.yml").unlink()


def test_the_instructor_sees_a_participant_start(
    course: Course, demo: Demo, alice: Person, carol: Person
) -> None:
    """In the reservation, with the course's page open."""
    still = ("absent", "ended")  # ended: an earlier test has started it within a day
    assert state(carol)["alice"]["state"] in still
    assert start(alice) in (201, 202)
    until(lambda: state(carol)["alice"]["state"] not in still)
    assert list(alice.progress())[-1].get("ready")
    # the hub keeps what the page shows for a second
    until(lambda: state(carol)["alice"]["state"] == "running")
    one = state(carol)["alice"]
    [job] = jobs(course.site, "alice")
    shown = ask(course.site, "scontrol", "--oneliner", "show", "job", job.split()[0])
    assert "Reservation=bio101" in shown and f"NodeList={one['node']} " in shown
    limit = demo.site.tier("small").time
    assert limit - 300 < float(one["left"]) <= limit
    assert str(alice.http.get("/user/alice/").url).endswith("/lab/tree/bio101/first.txt")


def test_only_instructors_have_the_page_and_only_its_actions(
    course: Course, alice: Person, bob: Person, carol: Person
) -> None:
    for person in (alice, bob):
        assert person.http.get("/hub/courses/bio101").status_code == 404
        assert person.http.get("/hub/courses/bio101/state").status_code == 404
        assert act(person, action="stop", user="alice") == 404
        assert act(person, action="message", text="x") == 404
    page = carol.http.get("/hub/courses/bio101").text
    assert html.escape(TITLE) in page and "<b>101</b>" not in page
    sent = {"action": "stop", "user": "alice"}
    assert carol.http.post("/hub/courses/bio101", data=sent).status_code == 403, "without _xsrf"
    for fields, code in (
        ({"action": "stop", "user": "bob"}, 404),
        ({"action": "stop", "user": "carol"}, 404),
        ({"action": "delete", "user": "alice"}, 400),
        ({"action": "message", "text": "x" * 501}, 400),
        ({"action": "message", "text": ""}, 400),
    ):
        assert act(carol, **fields) == code, fields
    assert carol.http.get("/user/alice/api/contents").status_code in (403, 404)


def test_the_instructor_writes_to_all_and_restarts_and_work_stays(
    course: Course, alice: Person, carol: Person
) -> None:
    assert start(alice) in (201, 202)
    assert list(alice.progress())[-1].get("ready")
    [first] = jobs(course.site, "alice")
    copy = Path(pwd.getpwnam("alice").pw_dir) / "bio101"
    (copy / "first.txt").write_text("alice's\n")
    (course.upstream.work / "first.txt").write_text("two\n")
    course.upstream.publish("second")
    assert alice.lab().status_code == 200
    assert act(carol, action="message", text="Read <i>page 2</i>.") == 302
    until(lambda: told(alice)[1] == ["Read <i>page 2</i>."], 300)

    assert act(carol, action="restart", user="alice") == 302
    again = lambda: jobs(course.site, "alice") not in ([], [first])  # noqa: E731
    until(lambda: again() and state(carol)["alice"]["state"] == "running", 300)
    assert list(alice.progress())[-1].get("ready")
    assert alice.lab().status_code == 200
    assert (copy / "first.txt").read_text() == "alice's\n"
    [beside] = copy.glob("first.upstream-*.txt")
    assert beside.read_text() == "two\n"
    assert ["Your file is as you left it" in text for text in told(alice)[0]] == [True]

    assert act(carol, action="stop", user="alice") == 302
    until(lambda: state(carol)["alice"]["state"] == "ended", 300)
    until(lambda: "An instructor of" in state(carol)["alice"]["why"])
    until(lambda: "An instructor of" in html.unescape(alice.http.get("/hub/home").text))


def told(person: Person) -> tuple[list[str], list[str]]:
    """What the lab shows: sentences about the material, and messages."""
    notice = person.http.get(f"/user/{person.name}/sitekit/notice").json()
    # without messages until the server has asked the hub for the first time
    sentences = [one["text"].format(**one["values"]) for one in notice["course_notices"]]
    return sentences, [message["text"] for message in notice.get("messages", [])]


def test_the_course_is_checked_and_its_class_started(
    course: Course,
    alice: Person,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also before its dates, and nothing of the drill stays. alice's git trusts the repository."""
    # the node of a job that is ending starts no other one
    until(lambda: not ask(course.site, "squeue", "--noheader", "--user=alice"))
    assert course_check(course.site, "bio101") == 0, capsys.readouterr().out
    out = capsys.readouterr().out
    assert "fit at once in the reservation bio101; the roster has 1 participants" in out
    later, today = TODAY + timedelta(days=3), course.installed.read_text()
    try:
        course.write(starts=later, ends=later)
        (course.folder / "names.csv").write_text("alice\nbob\nnobody9\ncarol,instructor\n")
        assert course_check(course.site, "bio101") == 1
        out = capsys.readouterr().out
        for finding in (
            "the hub does not have bio101.yml as it is",
            "the hub does not have names.csv as it is",
            "there is no account nobody9",
            "the reservation bio101 is not open to 2 of the roster: bob, nobody9",
            "do not overlap",
        ):
            assert finding in out
        (course.folder / "names.csv").write_text("alice\ncarol,instructor\n")
        course.installed.write_text((course.folder / "bio101.yml").read_text())
        assert start(alice) == 400
        assert course_drill(course.site, "bio101") == 0, capsys.readouterr().out
        assert "1 of 1 servers were ready." in capsys.readouterr().out
        assert start(alice) == 400, "the drill is over"
    finally:
        (course.folder / "names.csv").write_text("alice\ncarol,instructor\n")
        course.write()
        course.installed.write_text(today)
    until(lambda: not jobs(course.site, "alice"))
    # no token of the drill is valid; the hub deletes those that are not within an hour
    with closing(sqlite3.connect(f"file:{course.site.database}?mode=ro", uri=True)) as database:
        query = "SELECT expires_at FROM api_tokens WHERE note LIKE '%drill%'"
        ends = [datetime.fromisoformat(text) for (text,) in database.execute(query)]
    assert all(end < datetime.now(timezone.utc).replace(tzinfo=None) for end in ends)
    assert not list(offered_courses(course.site).glob("*.drill"))


def test_another_server_of_a_participant_is_not_on_the_page(
    course: Course, alice: Person, carol: Person
) -> None:
    before = state(carol)["alice"]
    assert alice.start("small")[-1].get("ready")
    assert state(carol)["alice"] | {"left": None} == before | {"left": None}
    assert act(carol, action="restart", user="alice") == 409
    assert act(carol, action="stop", user="alice") == 409
    assert alice.server() is not None
