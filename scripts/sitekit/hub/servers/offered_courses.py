"""Read the course files that `make apply` has installed, and find the courses that a user may
choose now.

A file that changes is read again, without a restart of the hub. If a course file contains an error,
the hub logs the error and offers the other courses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from pathlib import Path

from ...base.errors import BadInput
from ...site import Site
from ...site.courses.course_files import Course, course_paths, offered_courses, read_course
from ...site.sections.tier import Tier

log = logging.getLogger("jupyterhub.courses")

Stamp = tuple[tuple[str, int, int, int], ...]
DRILL = 1800.0
"""Seconds after which a list of a drill's users (`make course_drill`) has no effect."""


def now() -> datetime:
    """Return the present time, with its time zone."""
    return datetime.now(timezone.utc)


def drill_path(site: Site, key: str) -> Path:
    """Return the path of the file with the users whose servers of this course `make course_drill`
    may start before the course begins."""
    return offered_courses(site) / f"{key}.drill"


class OfferedCourses:
    """The courses of the folder /etc/sitekit/NAME/courses. Tests can replace the `clock`, which
    returns the time."""

    def __init__(self, site: Site, clock: Callable[[], datetime] = now) -> None:
        self._site, self._clock = site, clock
        self._folder = offered_courses(site)
        self._stamp: Stamp | None = None
        self._courses: dict[str, Course] = {}

    def all(self) -> dict[str, Course]:
        """Return all courses in a mapping by name, also courses that have ended or not begun."""
        stamp = _stamp_of(self._folder)
        if stamp != self._stamp:
            self._courses, self._stamp = dict(self._read()), stamp
        return self._courses

    def course(self, key: object) -> Course | None:
        """Return the course with this name, even if the course has ended or not begun; None if no
        course has this name."""
        return self.all().get(key) if isinstance(key, str) else None

    def tiers_for(self, user: str, groups: Collection[str] | None) -> tuple[Tier, ...]:
        """Return the tiers of the courses that are open now and whose roster contains this user.
        `groups` are the user's Unix groups; None if they could not be looked up.
        """
        moment = self._clock()
        return tuple(
            course.tier
            for course in self.all().values()
            if course.has(user, groups or ())
            and (course.is_open(moment) or self._is_drilled(course.key, user, moment))
        )

    def open_by_group(self) -> bool:
        """Return whether the roster of an open course is a Unix group."""
        moment = self._clock()
        return any(
            course.file.roster.group and course.is_open(moment) for course in self.all().values()
        )

    def _is_drilled(self, key: str, user: str, moment: datetime) -> bool:
        """Return whether a running `make course_drill` starts a server for this user."""
        path = drill_path(self._site, key)
        try:
            age = moment.timestamp() - path.stat().st_mtime
            return age < DRILL and user in path.read_text(encoding="utf-8").split()
        except OSError:
            return False

    def _read(self) -> list[tuple[str, Course]]:
        """Read all course files, and log the error of each wrong file."""
        found = []
        try:
            paths = course_paths(self._folder)
        except OSError as error:
            log.error("No course is offered: %s", error)
            return []
        for path in paths:
            try:
                found.append((path.stem, read_course(path, self._site)))
            except (BadInput, OSError, ValueError, OverflowError) as error:
                log.error("The course %s is left out: %s", path.stem, error)
        return found


def _stamp_of(folder: Path) -> Stamp:
    """Return a value for comparison, which changes when a file of the folder changes."""
    stamps = []
    for path in folder.glob("[!.]*"):
        try:
            status = path.stat()
        except OSError:
            continue
        stamps.append((path.name, status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(sorted(stamps))
