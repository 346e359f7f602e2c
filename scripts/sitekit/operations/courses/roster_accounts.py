"""Look up the users in a course's roster in the account database of this machine."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from ...base.finding import Finding
from ...site import Site
from ...site.courses.course_files import Course
from ...site.courses.read_roster import never_matches
from ...site.types.memory_and_time import format_memory

LEAST_HOME = 200
"""The disk space in MiB that must be free for a participant's home. The course's material and files
of Jupyter need this space."""


def participants_of(course: Course) -> list[str]:
    """Return the users in the roster file and in the roster's group, without the instructors."""
    named = {user for user, role in course.users.items() if role == "participant"}
    if course.file.roster.group:
        named |= set(members_of(course.file.roster.group) or ())
    return sorted(user for user in named if not course.is_instructor(user))


def members_of(group: str) -> list[str] | None:
    """Return the members of a Unix group, including users whose primary group is this group; None
    if the group does not exist."""
    try:
        entry = grp.getgrnam(group)
    except KeyError:
        return None
    first = [one.pw_name for one in pwd.getpwall() if one.pw_gid == entry.gr_gid]
    return sorted({*entry.gr_mem, *first})


def groups_of(user: str) -> frozenset[str]:
    """Return the names of a user's Unix groups; an empty set for an unknown user."""
    try:
        numbers = os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
    except KeyError:
        return frozenset()
    found = set()
    for number in numbers:
        try:
            found.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return frozenset(found)


def check_participants(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding for each participant or instructor who cannot log in. Also yield a finding if
    the roster's group does not exist, or if there are no participants or no instructors."""
    group = course.file.roster.group
    if group and members_of(group) is None:
        yield Finding(f"there is no Unix group {group}", "roster.group", "see: getent group")
    everybody = participants_of(course)
    if not everybody:
        remedy = "write their names into the roster, or add them to the group"
        yield Finding("the roster has no participants", "roster", remedy)
    teachers = {*course.file.instructors}
    teachers |= {user for user, role in course.users.items() if role == "instructor"}
    if not teachers:
        remedy = "add instructors: [NAME]"
        yield Finding("nobody sees the instructor's page", "instructors", remedy)
    if site.login.method != "pam":
        for user in sorted({*everybody, *teachers}):
            if why := never_matches(site.login, user):
                file = course.file.roster.file or "roster"
                where = file if user in course.users else "instructors"
                yield Finding(f"nobody has the name {user} on the hub: {why}", where, "correct it")
        return
    allowed = set(site.login.allowed_groups)
    for user in sorted({*everybody, *teachers}):
        groups = groups_of(user)
        if not groups:
            yield Finding(f"there is no account {user}", "roster", f"see: getent passwd {user}")
        elif not groups & allowed:
            what = f"{user} may not log in: not a member of {', '.join(sorted(allowed))}"
            yield Finding(what, "roster", f"usermod --append --groups {min(allowed)} {user}")


def check_homes(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding for each participant's home that is missing on this machine, or that has less
    free space than LEAST_HOME."""
    for user in participants_of(course):
        try:
            home = Path(pwd.getpwnam(user).pw_dir)
        except KeyError:
            continue
        try:
            room = os.statvfs(home)
        except FileNotFoundError:
            yield Finding(f"{user} has no home directory", "roster", f"create {home}")
            continue
        free = room.f_bavail * room.f_frsize // 1024**2
        if free < LEAST_HOME or (room.f_files and room.f_favail < 1000):
            what = f"the home of {user} is full: {format_memory(free) if free else '0'} are free"
            yield Finding(what, "roster", f"make space in the filesystem of {home}")
