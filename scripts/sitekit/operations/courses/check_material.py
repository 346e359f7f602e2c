"""Check the material of a course. If the material is a repository, a compute node must reach the
repository. If the material is a folder, participants must be able to read the folder. The checks
run with a participant's rights and environment, as the course's servers do."""

from __future__ import annotations

import os
import pwd
import re
import time
from collections.abc import Iterator
from pathlib import Path

from ...backends.slurm.run_local_program import slurm_environment
from ...base.finding import Finding, unseen
from ...base.run_program import Argv, run
from ...site import Site
from ...site.courses.course import CourseMaterial
from ...site.courses.course_files import Course
from . import check_reservation, roster_accounts

PATIENCE = 60.0
"""The longest time in seconds for which the job that tests the repository waits for a node. Each
test of a folder has the same time limit."""


def check_material(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding if participants cannot read the course's material."""
    source = course.file.material
    if source is None:
        return
    if course.tier.runs_on == "slurm" and site.slurm.ssh:
        yield unseen("this host cannot test whether the compute nodes reach the material")
        return
    users = _accounts(site, course)
    if source.folder and not _is_there(source.folder, course.file.page or ""):
        what = f"there is no {source.folder / (course.file.page or '')}"
        yield Finding(what, "material.folder", "name another folder")
    elif os.geteuid() != 0:
        yield unseen("only root can test with the rights of a participant", "run it as root")
    elif not users:
        yield unseen("no participant has an account here whose rights could be tested")
    elif source.folder:
        yield from _folder(source.folder, course.file.page or "", users)
    else:
        yield from _repository(site, course, source, users[0])


def _accounts(site: Site, course: Course) -> list[str]:
    """Return the participants whose names are also Unix accounts on this machine. The list is empty
    if the site maps users to other accounts (`login.accounts`)."""
    if site.login.accounts != "same":
        return []
    return [
        user for user in roster_accounts.participants_of(course) if roster_accounts.groups_of(user)
    ]


def _is_there(folder: Path, page: str) -> bool:
    return folder.is_dir() and (folder / page).exists()


def _folder(folder: Path, page: str, users: list[str]) -> Iterator[Finding]:
    """Yield a finding about the first folder or file of the material that a participant cannot
    read.

    With the rights of the first participant, the function tests the folder with everything in it.
    With the rights of the other participants, it tests only the folder itself and the course's
    start page.
    """
    closed = ["(", "!", "-readable", "-o", "-type", "d", "!", "-executable", ")"]
    whole: Argv = ["find", folder, "!", "-type", "l", *closed, "-print", "-quit"]
    first: Argv = ["find", folder, folder / page, "-maxdepth", "0", *closed, "-print", "-quit"]
    for user in users:
        argv = whole if user == users[0] else first
        done = run(argv, user=user, timeout=PATIENCE, cwd=Path("/"), check=False)
        if done.returncode or done.stdout:
            path = done.stdout.rstrip("\n") or " ".join(done.stderr.split())[-300:] or folder
            remedy = f"chmod -R o+rX {folder}; o+x for each folder above it"
            yield Finding(f"{user} cannot read {path}", "material.folder", remedy)
            return


def _repository(site: Site, course: Course, source: CourseMaterial, user: str) -> Iterator[Finding]:
    """Yield a finding if git cannot list the branches and tags of the repository, or if the
    course's branch or tag is not among them. If the course's servers are Slurm jobs, git runs in a
    short Slurm job."""
    path = f"{site.current}/bin:/usr/local/bin:/usr/bin:/bin"
    environment = {**slurm_environment(site), "PATH": path, "GIT_TERMINAL_PROMPT": "0"}
    environment |= {"GIT_ALLOW_PROTOCOL": "https", "GIT_ASKPASS": "/bin/true"}
    environment |= {"HOME": pwd.getpwnam(user).pw_dir}
    is_job = course.tier.runs_on == "slurm"
    job = [*_srun(site, course), *_job_script(site.libexec / "job.sh")] if is_job else []
    argv = [*job, "git", "ls-remote", "--heads", "--tags", "--", source.repository or ""]
    limit = PATIENCE + 30
    done = run(argv, env=environment, timeout=limit, cwd=Path("/"), check=False, user=user)
    if done.returncode:
        where = f"a node of {', '.join(course.tier.partitions)}" if job else "this host"
        said = " ".join(done.stderr.split())[-300:] or f"git ended with {done.returncode}"
        remedy = "check the address; the nodes need a way to it, such as a proxy in job.sh"
        yield Finding(f"{where} cannot reach {source.repository}: {said}", "material", remedy)
        return
    refs = re.findall(r"\srefs/(?:heads|tags)/(\S+)", done.stdout)
    if source.ref and source.ref not in refs:
        remedy = f"name one of: {', '.join(refs[:10]) or 'none'}"
        yield Finding(f"the repository has no {source.ref}", "material.ref", remedy)


def _srun(site: Site, course: Course) -> list[str]:
    """Return the srun command that runs a program in a short job on a node.

    The job uses the Slurm account, QOS and constraint of the course's servers. A job cannot start
    in a reservation that has not begun. For this reason, the job uses the reservation only if the
    reservation is active now.
    """
    tier = course.tier
    words = [f"--partition={','.join(tier.partitions)}", "--nodes=1", "--ntasks=1"]
    words += ["--mem=100M", "--time=2", "--chdir=/", "--job-name=sitekit-course"]
    own = {"account": tier.account, "qos": tier.qos, "constraint": tier.constraint}
    if tier.reservation and _lasts(site, tier.reservation):
        own["reservation"] = tier.reservation
    words += [f"--{key}={value}" for key, value in own.items() if value]
    return [str(site.slurm.bin / "srun"), *words, f"--immediate={PATIENCE:.0f}"]


def _lasts(site: Site, name: str) -> bool:
    """Return whether the reservation exists and is active now."""
    argv = [str(site.slurm.bin / "scontrol"), "--oneliner", "show", "reservation", name]
    done = run(argv, env=slurm_environment(site), timeout=15, cwd=Path("/"), check=False)
    if done.returncode:
        return False
    one = check_reservation.parse(done.stdout)
    return one.begin.timestamp() <= time.time() < one.end.timestamp()


def _job_script(script: Path) -> list[str]:
    """Return a shell command that first runs the lines that the site has added to its job script,
    and then the test program. Return an empty list if the job script does not exist.

    The last two lines of config/templates/job.sh start the server. The shell command does not
    contain these two lines.
    """
    try:
        added = script.read_text(encoding="utf-8").splitlines()[:-2]
    except FileNotFoundError:
        return []
    return ["/bin/sh", "-c", "\n".join([*added, 'exec "$@"']), "sh"]
