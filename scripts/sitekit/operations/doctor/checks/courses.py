"""Check the courses that the hub offers: files, roster, kernel, reservation and material."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timezone

from ....base.errors import BadInput, BadInputs
from ....base.finding import Finding, Severity
from ....site import Site
from ....site.courses.course_files import Course, course_paths, offered_courses, read_course
from ...courses import check_course as course_check
from ...courses import roster_accounts
from ...courses.check_material import check_material as look_at_material
from ..check import Subject
from ..context import Context
from .slurm import local, on_slurm

subject = Subject("courses", "Courses")


def _local_slurm(site: Site) -> bool:
    return on_slurm(site) and local(site)


def _read(here: Context) -> tuple[list[Course], list[BadInput]]:
    """Return the courses that are not over, and the errors in the files of all courses."""
    courses: list[Course] = []
    errors: list[BadInput] = []
    for path in course_paths(offered_courses(here.applied)):
        try:
            courses.append(read_course(path, here.applied))
        except BadInputs as found:
            errors += found.problems
        except BadInput as found:
            errors.append(found)
    now = datetime.now(timezone.utc)
    return [course for course in courses if course.file.period()[1] > now], errors


def _each(here: Context, look: Callable[[Course], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield the findings of the check `look` for each course. If the course has not begun yet,
    errors of the course are reported as warnings."""
    now = datetime.now(timezone.utc)
    for course in here.once("the courses", lambda: _read(here))[0]:
        for found in look(course):
            most = Severity.ERROR if course.is_open(now) else Severity.WARNING
            where = f"course {course.key}: {found.where}".rstrip(": ")
            yield replace(found, where=where, severity=min(found.severity, most))


@subject.check(
    "files",
    "the course files and rosters that the hub reads",
    "the hub leaves out a course with an error",
    "correct the course file, then: sudo make apply",
    needs=("site.applied",),
    root=True,
)
def files(here: Context) -> Iterator[Finding]:
    for error in here.once("the courses", lambda: _read(here))[1]:
        yield Finding(error.what, error.where or "", error.remedy or "")


@subject.check(
    "roster",
    "whether each person in a course's roster has an account on this machine",
    "a person without an account, or in no allowed group, cannot log in",
    "correct the roster, or create the accounts",
    needs=("site.applied",),
    root=True,
)
def roster(here: Context) -> Iterator[Finding]:
    yield from _each(here, lambda course: roster_accounts.check_participants(here.applied, course))


@subject.check(
    "kernel",
    "whether the kernel of each course is published, and passed its last test",
    "otherwise, the notebooks of the course do not run",
    "make kernels",
    needs=("site.applied",),
    root=True,
    applies=on_slurm,
)
def kernel(here: Context) -> Iterator[Finding]:
    def look(course: Course) -> Iterable[Finding]:
        on_cluster = course.tier.runs_on == "slurm" and not course.tier.images
        return course_check.kernel(here.applied, course) if on_cluster else ()

    yield from _each(here, look)


@subject.check(
    "reservation",
    "whether the reservation of each course exists and fits the course",
    "otherwise, Slurm refuses the servers of the course",
    "scontrol create reservation",
    needs=("site.applied", "slurm.controller"),
    root=True,
    applies=_local_slurm,
)
def reservation(here: Context) -> Iterator[Finding]:
    yield from _each(here, lambda course: course_check.booked(here.applied, course))


@subject.check(
    "material",
    "the material of each course: its folder, or the repository if servers run on this host",
    "without its source, the course's servers start without the material",
    "correct material in the course file; make course_check looks from a compute node",
    needs=("site.applied",),
    root=True,
    seconds=60,
)
def material(here: Context) -> Iterator[Finding]:
    def look(course: Course) -> Iterable[Finding]:
        source = course.file.material
        in_job = source and source.repository and course.tier.runs_on == "slurm"
        return () if in_job else look_at_material(here.applied, course)

    yield from _each(here, look)
