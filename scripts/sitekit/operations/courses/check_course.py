"""Check before a course begins that its servers can start (`make course_check`). The checks examine
the dates, participants, reservation, size, kernel, material and homes, and whether the nodes are
enough for all servers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from ...backends.slurm.run_local_program import slurm_environment
from ...base.errors import BadInput, Problem, as_problem
from ...base.finding import Finding, unseen
from ...base.progress import say, step
from ...base.run_program import CommandFailed, run
from ...contracts.kernel_state import read_kernel_state
from ...machine.checks import tiers_fit_cluster
from ...site import Site
from ...site.courses.course_files import Course, courses_folder, offered_courses, read_course
from . import (
    capacity,
    check_associations,
    check_gate_for_course,
    check_reservation,
    roster_accounts,
)
from .check_material import check_material


def course_check(site: Site, *words: str) -> int:
    """Run all checks of a course, and print their findings. Return 1 if there is an error, else 0.

    If a check fails (for example, because Slurm does not answer), this counts as an error. Anything
    that a check cannot examine is printed too, but does not count as an error.
    """
    course = course_of(site, "course_check", words)
    checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        ("dates and file", lambda: dates(site, course)),
        ("roster", lambda: roster_accounts.check_participants(site, course)),
        ("homes", lambda: roster_accounts.check_homes(site, course)),
        ("kernel", lambda: kernel(site, course)),
        ("material", lambda: check_material(site, course)),
    ]
    if course.tier.runs_on == "slurm" and not site.slurm.ssh:
        checks += [
            ("servers of its size", lambda: size(site, course)),
            (
                "accounts of Slurm",
                lambda: check_associations.check_associations(course, partial(_slurm, site)),
            ),
            ("reservation", lambda: booked(site, course)),
            ("seats", lambda: enough(site, course)),
        ]
    elif course.tier.runs_on == "slurm":
        checks.append(
            (
                "gate on the login node",
                lambda: check_gate_for_course.check_gate_has_course(site, course),
            )
        )
    found = []
    for subject, check in checks:
        with step(subject) as at_work:
            try:
                here = list(check())
            except (Problem, OSError, ValueError) as trouble:
                why = as_problem(trouble).what if not isinstance(trouble, ValueError) else trouble
                here = [Finding(f"this could not be checked: {why}")]
            at_work.done(_counted([one for one in here if one.refuses]) if here else "")
        for one in here:
            say(f"  - {f'{one.where}: ' if one.where else ''}{one.what}")
            if one.remedy:
                say(f"    -> {one.remedy}")
        found += [one for one in here if one.refuses]
    say(f"\n{course.file.title}: {_counted(found)}.")
    return 1 if found else 0


def _counted(found: list[Finding]) -> str:
    """Return a text with the number of findings, such as `2 findings` or `no findings`."""
    return f"{len(found) or 'no'} finding{'' if len(found) == 1 else 's'}"


def course_of(site: Site, command: str, words: tuple[str, ...]) -> Course:
    """Return the course that the command's argument COURSE names. Raises BadInput."""
    name = words[0] if words else ""
    path = courses_folder(site) / f"{name}.yml"
    if not name or not path.is_file():
        known = sorted(one.stem for one in courses_folder(site).glob("[!.]*.yml"))
        remedy = f"make {command} COURSE=..., one of: {', '.join(known) or 'none; make course_new'}"
        raise BadInput(f"there is no course '{name}'" if name else "name a course", command, remedy)
    return read_course(path, site)


def dates(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding if the course is over, or if the hub uses another version of the course file
    or of the roster file."""
    end = course.file.period()[1]
    if end <= datetime.now(timezone.utc):
        what = f"the course is over since {end.astimezone():%Y-%m-%d %H:%M}"
        yield Finding(what, "ends", "write a later date")
    for name in filter(None, (f"{course.key}.yml", course.file.roster.file)):
        try:
            same = (offered_courses(site) / name).read_text() == (
                courses_folder(site) / name
            ).read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            same = False
        except PermissionError:
            yield unseen("only root can compare the file with the hub's", "run it as root")
            return
        if not same:
            yield Finding(f"the hub does not have {name} as it is", name, "sudo make apply")


def kernel(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding if the course's kernel is not published or failed its last test, or if the
    program that starts this kernel is missing."""
    name = course.file.kernel
    if name is None:
        return
    folder = site.kernels_current / "kernels"
    if not (folder / name / "kernel.json").is_file():
        known = sorted(path.parent.name for path in folder.glob("*/kernel.json"))
        remedy = f"name one of: {', '.join(known) or 'none; make kernels'}"
        yield Finding(f"no kernel {name} is published", "kernel", remedy)
        return
    state = read_kernel_state(site)
    if state and (why := state.failing.get(name)):
        yield Finding(f"the kernel {name} fails: {why}", "kernel", "make kernels_check")
    argv = json.loads((folder / name / "kernel.json").read_text())["argv"]
    if not shutil.which(str(argv[0])):
        yield Finding(f"the kernel {name} begins with {argv[0]}, which is missing", "kernel")


def size(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding if the course's servers do not fit the partitions. `make diff` runs the same
    checks for the tiers of the site file."""
    for one in tiers_fit_cluster.check_tiers(site.model_copy(update={"tiers": (course.tier,)})):
        yield replace(one, where=one.where.replace("tiers[0]", "tier"))


def booked(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding if the Slurm reservation is missing or does not fit the course. Raises
    CommandFailed."""
    if course.tier.reservation is None:
        return
    said = _slurm(site, "scontrol", "--oneliner", "show", "reservation", course.tier.reservation)
    if said is None:
        what, remedy = f"there is no reservation {course.tier.reservation}", "scontrol create"
        yield Finding(what, "reservation", f"{remedy} reservation, with users or accounts")
        return
    one, everybody = check_reservation.parse(said), roster_accounts.participants_of(course)
    accounts = {user: _accounts(site, user) for user in everybody} if one.accounts else {}
    groups = {user: roster_accounts.groups_of(user) for user in everybody} if one.groups else {}
    now = datetime.now(timezone.utc)
    yield from check_reservation.fits(one, course, everybody, accounts, groups, now)


def enough(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding if the nodes are too few or too small for the servers of all participants at
    the same time."""
    words = ["--all", "--Node", "--noheader", f"--format={capacity.FORMAT}"]
    partitions = course.tier.partitions
    nodes = capacity.read_nodes(_slurm(site, "sinfo", *words) or "", partitions)
    where = f"in {', '.join(partitions)}"
    if name := course.tier.reservation:
        said = _slurm(site, "scontrol", "--oneliner", "show", "reservation", name)
        if said is None:
            return
        listed = (
            _slurm(site, "scontrol", "show", "hostnames", check_reservation.parse(said).nodes) or ""
        )
        nodes = {key: node for key, node in nodes.items() if key in listed.split()}
        where = f"in the reservation {name}"
    seats, wanted = (
        capacity.seats(course.tier, list(nodes.values())),
        len(roster_accounts.participants_of(course)),
    )
    say(
        f"  {seats} servers of this size fit at once {where}; the roster has {wanted} participants."
    )
    if seats < wanted:
        remedy = "reserve more nodes, or give the course a smaller size"
        yield Finding(f"{wanted - seats} of {wanted} participants would wait", "tier", remedy)


def _accounts(site: Site, user: str) -> frozenset[str]:
    words = ("--noheader", "--parsable2", "show", "associations", f"user={user}", "format=Account")
    return frozenset((_slurm(site, "sacctmgr", *words) or "").split())


def _slurm(site: Site, program: str, *words: str) -> str | None:
    """Run a program of Slurm, and return its output. Return None if the program reports that the
    reservation, node or partition does not exist."""
    argv = [str(site.slurm.bin / program), *words]
    environment = {**slurm_environment(site), "SLURM_TIME_FORMAT": "%s"}
    done = run(argv, env=environment, timeout=15, cwd=Path("/"), check=False)
    if done.returncode and "not found" in done.stderr:
        return None
    if done.returncode:
        raise CommandFailed(argv, f"ended with code {done.returncode}", done.stderr)
    return done.stdout
