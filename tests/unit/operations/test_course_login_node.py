"""A hub outside the cluster: course_check asks the gate for a course, and make apply names it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sitekit.backends.slurm import ssh as over_ssh
from sitekit.backends.slurm import ssh_files
from sitekit.base.data_files import data
from sitekit.machine.apply.remind_to_update_gate import for_the_gate
from sitekit.operations.courses import check_gate_for_course
from sitekit.site import Site, load_site
from sitekit.site.courses.course_files import Course, offered_courses, read_course

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHhCV8pGy6ZBC3j9VwQkMCT1XyB3zSkDPj8kIXbBzq8Q"
NODE = {"host": "login.example.org", "account": "gw", "host_keys": [KEY], "prefix": "/shared/j"}
REFUSED = '{"ok": false, "kind": "refused", "error": "%s"}'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    values = load_site(data("config/sites/demo.yml")).model_dump(mode="json")
    values["slurm"]["ssh"] = NODE
    values["paths"]["state"] = str(tmp_path)
    return Site.model_validate(values)


@pytest.fixture
def course(site: Site, tmp_path: Path) -> Course:
    path = tmp_path / "bio101.yml"
    path.write_text(
        "title: Bio\nstarts: 2026-09-01\nends: 2026-09-01\nzone: UTC\ntier: small\n"
        "roster: {file: names.csv}\nreservation: bio101\n"
    )
    (tmp_path / "names.csv").write_text("alice\n")
    return read_course(path, site)


@pytest.fixture
def gate_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A script in the place of ssh; `given` is the request that it got."""
    monkeypatch.setattr(ssh_files, "folder", lambda site: tmp_path / "ssh")
    (tmp_path / "ssh").mkdir()
    for name in ("key", "user_ca"):
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ssh" / name]
        subprocess.run(argv, check=True)
    program = tmp_path / "ssh-client"
    monkeypatch.setattr(over_ssh, "SSH", str(program))

    def play(answer: str) -> None:
        (tmp_path / "answer").write_text(answer)
        program.write_text(f"#!/bin/sh\ncat > {tmp_path}/given\ncat {tmp_path}/answer\n")
        program.chmod(0o755)

    return play


@pytest.mark.parametrize(
    "error",
    [
        "the gate has no such course; it has: none",
        "the request says more than the gate knows: 'course'",
    ],
)
def test_a_gate_without_the_course_is_found(
    site: Site, course: Course, gate_says: Callable[[str], None], error: str
) -> None:
    gate_says(REFUSED % error)
    [one] = check_gate_for_course.check_gate_has_course(site, course)
    assert one.refuses and "does not have this course" in one.what
    assert one.remedy and "make gate_bundle" in one.remedy


def test_a_gate_with_the_course_is_asked_for_a_start_alone(
    site: Site, course: Course, gate_says: Callable[[str], None], tmp_path: Path
) -> None:
    gate_says('{"ok": true, "start": 1788238800}')
    assert list(check_gate_for_course.check_gate_has_course(site, course)) == []
    request = json.loads((tmp_path / "given").read_text().splitlines()[-1])
    told = json.dumps(request)
    assert '"test": true' in told and '"course": "bio101"' in told and '"reservation"' not in told
    gate_says(REFUSED % "alice may not start servers")
    assert (
        "alice may not start servers"
        in next(check_gate_for_course.check_gate_has_course(site, course)).what
    )


def test_apply_names_the_courses_that_the_gate_needs(site: Site) -> None:
    folder = offered_courses(site)
    changed = {folder / "bio101.yml": 1, folder / "names.csv": 1, Path("/etc/x/chem.yml"): 1}
    [note] = for_the_gate(site, changed)
    assert "bio101. The gate refuses" in note and "make gate_bundle" in note
    assert list(for_the_gate(site, {folder / "names.csv": 1})) == []
    inside = load_site(data("config/sites/demo.yml"))
    assert list(for_the_gate(inside, {offered_courses(inside) / "bio101.yml": 1})) == []
