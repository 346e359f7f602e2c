"""Check the material of a course: a compute node reaches the repository, or the folder can be read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ...backends.slurm.run_program import slurm_environment
from ...base.command import run
from ...machine.checks.finding import Finding, unknown
from ...site import Site
from ...site.course import CourseMaterial
from ...site.course_files import Course

PATIENCE = 60.0
"""Seconds that the job which asks the repository may wait for a node and run."""
OWN = ("http_proxy", "https_proxy", "no_proxy", "GIT_SSL_CAINFO")
"""Variables of the administrator's environment that git gets: a proxy, and an authority."""


def material(site: Site, course: Course) -> Iterator[Finding]:
    """Yield a finding if participants cannot have the material."""
    source = course.file.material
    if source and source.folder:
        yield from _folder(source.folder, course.file.page or "")
    elif source and course.tier.runs_on == "slurm" and site.slurm.ssh:
        yield unknown("whether the compute nodes reach the repository is not known on this host")
    elif source:
        yield from _repository(site, course, source)


def _folder(folder: Path, page: str) -> Iterator[Finding]:
    """Yield a finding if the folder or the page is missing, or cannot be read by everybody."""
    if not folder.is_dir() or not (folder / page).exists():
        yield Finding(f"there is no {folder / page}", "material.folder", "name another folder")
    elif folder.stat().st_mode & 0o5 != 0o5:
        what, remedy = f"participants cannot read {folder}", f"chmod -R o+rX {folder}"
        yield Finding(what, "material.folder", remedy)


def _repository(site: Site, course: Course, source: CourseMaterial) -> Iterator[Finding]:
    """Ask the repository for its branches and tags, in a short job if the servers are jobs."""
    path = f"{site.current}/bin:/usr/local/bin:/usr/bin:/bin"
    environment = {**slurm_environment(site), "PATH": path, "GIT_TERMINAL_PROMPT": "0"}
    environment |= {"GIT_ALLOW_PROTOCOL": "https", "GIT_ASKPASS": "/bin/true", "HOME": "/"}
    environment |= {name: os.environ[name] for name in OWN if name in os.environ}
    job = _srun(site, course) if course.tier.runs_on == "slurm" else []
    argv = [*job, "git", "ls-remote", "--heads", "--tags", "--", source.repository or ""]
    done = run(argv, env=environment, timeout=PATIENCE + 30, cwd=Path("/"), check=False)
    if done.returncode:
        where = f"a node of {', '.join(course.tier.partitions)}" if job else "this host"
        said = " ".join(done.stderr.split())[-300:] or f"git ended with {done.returncode}"
        remedy = "check the address; the nodes need a way to it, such as a proxy in job.sh"
        yield Finding(f"{where} does not reach {source.repository}: {said}", "material", remedy)
        return
    refs = re.findall(r"\srefs/(?:heads|tags)/(\S+)", done.stdout)
    if source.ref and source.ref not in refs:
        remedy = f"name one of: {', '.join(refs[:10]) or 'none'}"
        yield Finding(f"the repository has no {source.ref}", "material.ref", remedy)


def _srun(site: Site, course: Course) -> list[str]:
    """Return the command line before a program that runs in a short job on a node."""
    words = [f"--partition={','.join(course.tier.partitions)}", "--nodes=1", "--ntasks=1"]
    words += ["--mem=100M", "--time=2", "--chdir=/", "--job-name=sitekit-course"]
    return [str(site.slurm.bin / "srun"), *words, f"--immediate={PATIENCE:.0f}"]
