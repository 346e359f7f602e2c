"""The course of a request: the hub names it, and gate.json alone says what its material is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gate_program import gate_program
from machine_sites import demo

from sitekit.backends.resource_choice import Choice
from sitekit.backends.slurm.gate_client import request_of
from sitekit.contracts.gate_config import gate_config
from sitekit.site.courses.course_files import Course, read_course

TEXT = """
title: Bioinformatics 101
starts: 2026-09-01
ends: 2026-12-15
tier: small
kernel: python-3.11
roster: {group: bio}
instructors: [carol]
material: {repository: https://git.example.org/bio/course, ref: main}
page: first.ipynb
"""


@pytest.fixture
def course(tmp_path: Path) -> Course:
    path = tmp_path / "bio101.yml"
    path.write_text(TEXT)
    return read_course(path, demo())


def test_the_session_gets_the_course_that_the_request_names(course: Course) -> None:
    gate, told = gate_program(), gate_config(demo(), [course])
    session = json.loads(gate.session_settings(told, None, "bio101"))
    assert session["course"] == {
        "key": "bio101",
        "repository": "https://git.example.org/bio/course",
        "branch": "main",
        "page": "first.ipynb",
        "kernel": "python-3.11",
    }
    assert "carol" not in json.dumps(told), "gate.json can be read by all accounts"
    assert "courses" not in gate_config(demo())


@pytest.mark.parametrize(
    "key", ["bio", "", "../bio101", ["bio101"], {"key": "bio101"}, 1, True], ids=str
)
def test_a_course_that_gate_json_does_not_have_is_refused(key: object, course: Course) -> None:
    gate = gate_program()
    with pytest.raises(gate.Refused, match="no such course; it has: bio101"):
        gate.session_settings(gate_config(demo(), [course]), None, key)
    with pytest.raises(gate.Refused, match="no such course; it has: none"):
        gate.session_settings(gate_config(demo()), None, key)


def test_the_request_has_the_key_alone() -> None:
    assert request_of(Choice(course="bio101"), "0" * 16, {})["course"] == "bio101"
    assert "course" not in request_of(Choice(), "0" * 16, {})
