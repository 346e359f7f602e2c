"""Define the keys of a course file: dates, roster, tier, reservation, kernel and material.

The course NAME has the course file `config/courses/NAME.yml`. course_files.py reads course files.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ...base.errors import Unfit, shown
from ..sections.tier import Cpus, Gpus, Key, Memory, Row, SlurmName, Time, TimeOrNever
from ..types.address_types import Repository
from ..types.value_types import AbsolutePath, Account, Branch, Title, spelled

_FORM = "write it like 2026-09-01, or like 2026-09-01 08:30"
# Only dates in these years are accepted, because they can be converted to every time zone.
_YEARS = range(2000, 2201)


def _moment(value: object, last: bool) -> object:
    """Convert a date, or a date with a time, to a local time without a time zone.

    A date without a time is converted to the first second of this day or, with `last`, to the first
    second of the next day.
    """
    if isinstance(value, str):
        try:
            whole_day = re.fullmatch(r"\d{4}-\d\d-\d\d", value)
            value = date.fromisoformat(value) if whole_day else datetime.fromisoformat(value)
        except ValueError:
            raise Unfit(f"{shown(value)} is not a date", _FORM) from None
    if isinstance(value, date) and value.year not in _YEARS:
        raise Unfit(f"the year {value.year} is not from 2000 to 2200", _FORM)
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            raise Unfit("the time contains a time zone", f"{_FORM}; the key is `zone`")
        return value
    if not isinstance(value, date):
        raise Unfit(f"{shown(value)} is not a date", _FORM)
    return datetime.combine(value, time()) + timedelta(days=1 if last else 0)


def _zone(name: str) -> str:
    """Refuse a time zone that this machine's time zone database does not contain."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        remedy = "write a name that `timedatectl list-timezones` lists, such as Europe/Helsinki"
        raise Unfit(f"{shown(name)} is not a time zone", remedy) from None
    return name


def _page(path: str) -> str:
    """Accept only a relative path, which can be the path of a file in the course's material."""
    parts = path.split("/")
    plain = re.fullmatch(r"[\w .,+=@()/-]{1,200}", path)
    if not plain or any(not part.strip() or part.startswith((".", " ")) for part in parts):
        remedy = "write its path in the material, without '..', like intro/01-start.ipynb"
        raise Unfit(f"{shown(path)} is not a file of the material", remedy)
    return path


First = Annotated[datetime, BeforeValidator(lambda value: _moment(value, last=False))]
Last = Annotated[datetime, BeforeValidator(lambda value: _moment(value, last=True))]
KernelName = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}",
        "cannot be the name of a kernel",
        "write a name that `jupyter kernelspec list` lists",
    ),
]
RosterFile = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}\.(csv|txt)",
        "is not a file beside the course file",
        "write the file's name alone, such as bio101.csv",
    ),
]
UserName = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9_][A-Za-z0-9_.@+=-]{0,63}",
        "is not the name of a user",
        "write the name with which this user logs in",
    ),
]


class Limits(Row):
    """Declare the keys of `limits` in a course file. Each of these limits replaces the same limit
    of the course's tier.
    """

    memory: Memory | None = None
    memory_cap: Memory | None = None
    cpus: Cpus | None = None
    gpus: Gpus | None = None
    time: Time | None = None
    idle: TimeOrNever = None


class Roster(Row):
    """Declare the keys of `roster` in a course file. Participants are the members of a Unix group,
    the users in a roster file, or both.
    """

    group: Account | None = None
    file: RosterFile | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> Roster:
        """Require that the roster names a group, a file, or both."""
        if not (self.group or self.file):
            raise Unfit(
                "the roster has neither a group nor a file",
                "add a group, or a file such as bio101.csv",
            )
        return self


class CourseMaterial(Row):
    """Declare the keys of `material` in a course file. Each participant gets a copy of a git
    repository or of a folder.

    `ref` is a branch or a tag of the repository.
    """

    repository: Repository | None = None
    ref: Branch | None = None
    folder: AbsolutePath | None = None

    @model_validator(mode="after")
    def _one_source(self) -> CourseMaterial:
        """Require that the material names either a repository or a folder."""
        if bool(self.repository) == bool(self.folder):
            raise Unfit("the material needs one source", "write either repository or folder")
        if self.ref and self.folder:
            raise Unfit("a folder has no branches", "leave ref out", "ref")
        return self


class CourseFile(Row):
    """Declare the keys of a course file.

    The course is offered from `starts` until `ends`. `starts` and `ends` are in the time zone
    `zone`, by default the time zone of the hub's machine. If `ends` is a date without a time, the
    course is still offered on that day. `page` is the file of the material that JupyterLab opens
    first.
    """

    title: Annotated[Title, Field(examples=["Bioinformatics 101"])]
    starts: Annotated[First, Field(examples=["2026-09-01"])]
    ends: Annotated[Last, Field(examples=["2026-12-15"])]
    zone: Annotated[str, AfterValidator(_zone)] | None = None
    tier: Annotated[Key, Field(examples=["small"])]
    limits: Limits = Limits()
    reservation: SlurmName | None = None
    kernel: KernelName | None = None
    roster: Annotated[Roster, Field(examples=[{"file": "bio101.csv"}])]
    instructors: tuple[UserName, ...] = ()
    material: CourseMaterial | None = None
    page: Annotated[str, AfterValidator(_page)] | None = None

    @model_validator(mode="after")
    def _agrees(self) -> CourseFile:
        """Refuse a course that ends before it starts, and a page without material."""
        if self.ends <= self.starts:
            raise Unfit("the course ends before it starts", "write a later date", "ends")
        if self.page and not self.material:
            raise Unfit(
                "the course has no material that could contain this page", "add material", "page"
            )
        return self

    def period(self, zone: tzinfo | None = None) -> tuple[datetime, datetime]:
        """Return the time when the course starts and the time when the course ends.

        If the course file has no time zone, `zone` is used. If `zone` is None too, the time zone of
        this machine is used.
        """
        zone = ZoneInfo(self.zone) if self.zone else zone
        if zone is None:
            return self.starts.astimezone(), self.ends.astimezone()
        return self.starts.replace(tzinfo=zone), self.ends.replace(tzinfo=zone)
