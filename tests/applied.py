"""The demo with other settings, by `make apply`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.machine.apply.commands import apply
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.operations.courses import check_course
from sitekit.site import Site
from sitekit.site.courses import course_files
from sitekit.site.courses.course_files import offered_courses

from .slurm import ask


@contextmanager
def applied(**sections: object) -> Iterator[Site]:
    """The demo with these keys of its sections, or these tiers; afterwards as it was."""
    as_run = demo_site(which_supervisor())
    values = as_run.model_dump(mode="json")
    for section, keys in sections.items():
        values[section] = {**values[section], **keys} if isinstance(keys, dict) else keys
    changed = Site.model_validate(values)
    try:
        assert apply(changed) == 0
        yield changed
    finally:
        # a server left by a failed test would send its user to names that only a browser resolves
        for user in ("alice", "bob"):
            ask(as_run, "scancel", f"--user={user}")
        assert apply(as_run) == 0


@contextmanager
def courses_applied(folder: Path, site: Site | None = None) -> Iterator[Site]:
    """The site with the courses of this folder, by default the demo; afterwards without courses.

    The demo's own site file is applied, so that its hub need not restart.
    """
    site, patch = site or demo_site(which_supervisor()), pytest.MonkeyPatch()
    try:
        for module in (course_files, check_course):
            patch.setattr(module, "courses_folder", lambda site: folder)
        assert apply(site) == 0
        yield site
    finally:
        patch.undo()
        assert apply(site) == 0
        assert not list(offered_courses(site).iterdir())
