"""Read the site's course files and rosters, and make a tier for each course.

A course file is refused if it contradicts site.yml. Each error names the file and the line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from ...base.data_files import CHECKOUT
from ...base.errors import BadInput, BadInputs, shown
from ..model import Site
from ..sections.tier import Choose, Requires, Tier
from ..types.memory_and_time import format_memory, format_time
from ..yaml_files.validate_yaml import validate
from ..yaml_files.yaml_file import Document, parse_yaml
from .course import CourseFile, Limits
from .read_course_file_safely import course_text, refuse_excess
from .read_roster import Role, read_roster, roster_lines, unmatched_names

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")


@dataclass(frozen=True)
class Course:
    """A course file, the users of its roster file, and the tier of the course's servers.

    `key` is the name of the course file without `.yml`, and is also the key of the course's tier.
    `texts` maps the names of the course file and the roster file to the contents that were read and
    checked.
    """

    key: str
    file: CourseFile
    users: dict[str, Role]
    tier: Tier
    texts: dict[str, str] = field(default_factory=dict, repr=False)

    def is_open(self, now: datetime) -> bool:
        """Return whether the course is offered at the time `now`."""
        begin, end = self.file.period()
        return begin <= now < end

    def is_instructor(self, user: str) -> bool:
        """Return whether the course file, or its roster file, names the user as an instructor."""
        return user in self.file.instructors or self.users.get(user) == "instructor"

    def has(self, user: str, groups: Collection[str]) -> bool:
        """Return whether a user with these Unix groups is a participant or an instructor."""
        return user in self.users or self.is_instructor(user) or self.file.roster.group in groups


def courses_folder(site: Site) -> Path:
    """Return the folder in which the administrator writes the course files, by default
    config/courses.
    """
    return site.paths.courses or CHECKOUT / "config" / "courses"


def offered_courses(site: Site) -> Path:
    """Return the folder from which the hub reads course files. `make apply` copies the course files
    to this folder."""
    return site.etc / "courses"


def site_courses(site: Site) -> list[Course]:
    """Return the courses in the administrator's folder. Raises BadInput or BadInputs.

    If the folder that site.yml names does not exist, BadInput is raised, because the disk with the
    folder may not be mounted. If site.yml names no folder, and the default folder does not exist,
    there are no courses.
    """
    folder = courses_folder(site)
    try:
        os.listdir(folder)
    except FileNotFoundError:
        if site.paths.courses:
            remedy = f"mount it, correct paths.courses in site.yml, or: mkdir {folder}"
            raise BadInput("this folder of courses does not exist", str(folder), remedy) from None
    except OSError as error:
        what = f"the folder of courses cannot be read: {error.strerror}"
        raise BadInput(what, str(folder), f"see who may: ls -ld {folder}") from None
    return read_courses(folder, site)


def course_paths(folder: Path) -> list[Path]:
    """Return the course files of a folder; an empty list if the folder does not exist. Raises
    OSError."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(folder / n for n in names if n.endswith(".yml") and not n.startswith("."))


def read_courses(folder: Path, site: Site) -> list[Course]:
    """Return all courses of a folder. Raises BadInputs with the errors of all course files.

    If several courses have the same roster file, this file is read a single time. Therefore all
    these courses have the same participants. A name that no user of the hub can have is an error
    too.
    """
    read = cache(course_text)
    courses: list[Course] = []
    problems: list[BadInput] = []
    for path in course_paths(folder):
        try:
            course = read_course(path, site, read)
            problems += _unmatched(path, course, site)
            courses.append(course)
        except BadInputs as errors:
            problems += errors.problems
        except BadInput as error:
            problems.append(error)
    if problems:
        raise BadInputs(problems)
    return courses


def read_course(path: Path, site: Site, read: Callable[[Path], str] = course_text) -> Course:
    """Return the course that a file describes. Raises BadInput or BadInputs."""
    if not KEY.fullmatch(path.stem):
        what, remedy = f"{shown(path.stem)} cannot be a course's name", "use a-z, 0-9, '_' and '-'"
        raise BadInput(what, str(path), f"{remedy}, at most 31")
    texts = {path.name: read(path)}
    refuse_excess(path, texts[path.name])
    document = parse_yaml(path, texts[path.name])
    file = validate(CourseFile, document)
    if problems := list(_misfits(path.stem, file, site, document)):
        raise BadInputs(problems)
    users: dict[str, Role] = {}
    if roster := file.roster.file:
        texts[roster] = read(path.with_name(roster))
        users = read_roster(path.with_name(roster), texts[roster])
    return Course(path.stem, file, users, _tier_of(path.stem, file, site.tier(file.tier)), texts)


def _unmatched(path: Path, course: Course, site: Site) -> Iterator[BadInput]:
    """Yield an error for each line of the course file, or of its roster, whose name no user of the
    hub can have."""
    document = parse_yaml(path, course.texts[path.name])
    places = [
        (document.where(("instructors", place)), name)
        for place, name in enumerate(course.file.instructors)
    ]
    yield from unmatched_names(places, site.login)
    if roster := course.file.roster.file:
        yield from unmatched_names(
            roster_lines(path.with_name(roster), course.texts[roster]), site.login
        )


def _misfits(key: str, file: CourseFile, site: Site, document: Document) -> Iterator[BadInput]:
    """Yield an error for each value of the course file that contradicts site.yml, such as an
    unknown tier.
    """
    known = {tier.key: tier for tier in site.tiers}
    if key in known:
        yield BadInput(
            f"'{key}' is a tier of the site", str(document.path), "give the course another name"
        )
    if file.tier not in known:
        remedy = f"name one of: {', '.join(known)}"
        yield BadInput(f"there is no tier '{file.tier}'", document.where(("tier",)), remedy)
        return
    if file.roster.group and site.slurm.ssh:
        what = "a hub outside the cluster cannot read the cluster's groups"
        yield BadInput(what, document.where(("roster", "group")), "write a roster file instead")
    if file.material and (site.server.root_read_only or not site.server.folder.startswith("~")):
        what = f"users cannot write to {site.server.folder}, in which the copy would be"
        remedy = "leave the material out, or change server.root in site.yml"
        yield BadInput(what, document.where(("material",)), remedy)
    if file.material and file.material.folder and known[file.tier].runs_on == "docker":
        what = "a container on this host sees only the participant's home, and not this folder"
        where = document.where(("material", "folder"))
        yield BadInput(what, where, "name a repository instead")
    if key in site.server.links or (site.server.repository and site.server.repository.name == key):
        what = f"each user's folder already contains a '{key}' of the site"
        yield BadInput(what, str(document.path), "give the course another name")
    for what, given, most in _above(file.limits, site):
        remedy = f"ask for at most {most}, or add a larger tier to site.yml"
        yield BadInput(
            f"no tier of the site gives {what} {given}", document.where(("limits", what)), remedy
        )
    if file.limits.idle is not None and all(tier.idle is None for tier in site.tiers):
        what = "no tier of this site has an idle limit, so no program that stops idle servers runs"
        remedy = "leave idle out, or give a tier of the site an idle limit"
        yield BadInput(what, document.where(("limits", "idle")), remedy)
    tier = _tier_of(key, file, known[file.tier])
    if tier.cap < tier.memory:
        what = (
            f"the cap {format_memory(tier.cap)} is below the request {format_memory(tier.memory)}"
        )
        yield BadInput(what, document.where(("limits", "memory_cap")), "raise memory_cap")


def _above(limits: Limits, site: Site) -> Iterator[tuple[str, str, str]]:
    """Yield each limit of the course that is larger than the same limit of every tier. Each result
    also contains the largest value that a tier has."""
    shown_as: dict[str, Callable[[int], str]] = {"memory": format_memory, "time": format_time}
    shown_as |= {"cpus": str, "gpus": str}
    for name, show in shown_as.items():
        bounds = [getattr(tier.choose, name) for tier in site.tiers]
        offered = [getattr(tier, name) for tier in site.tiers]
        most = max([*offered, *(bound[1] for bound in bounds if bound)])
        if (given := getattr(limits, name)) is not None and given > most:
            yield name, show(given), show(most)
    most_cap = max(
        tier.cap_of(max(tier.memory, *(tier.choose.memory or (0,)))) for tier in site.tiers
    )
    if limits.memory_cap and limits.memory_cap > most_cap:
        yield "memory_cap", format_memory(limits.memory_cap), format_memory(most_cap)


def _tier_of(key: str, file: CourseFile, base: Tier) -> Tier:
    """Return the tier of the course's servers: the tier `base` with the limits of the course file.

    Only users in the roster can use this tier, and users cannot change the values of this tier.
    """
    limits = file.limits
    own = {name: getattr(limits, name) for name in limits.model_fields_set}
    own = {name: value for name, value in own.items() if value is not None or name == "idle"}
    if limits.memory_cap:
        own["memory_cap"] = format_memory(limits.memory_cap)
    if file.reservation:
        own["reservation"] = file.reservation
    return base.model_copy(
        update={**own, "key": key, "title": file.title, "requires": Requires(), "choose": Choose()}
    )
