"""`make applications_check`: real programs that listen on the socket, on a port, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel_site import world_readable
from machine_sites import demo

from sitekit.base.errors import BadInput
from sitekit.contracts.applications import application_settings, record_path
from sitekit.kernels.applications.start_each_application import check_applications, requested
from sitekit.session.applications import digest
from sitekit.site import Site

PROGRAM = Path(__file__).parent / "programs" / "answer_on_socket.py"
SESSION = Path(__file__).parents[3] / "scripts" / "sitekit" / "session"
PYTHON = """#!/bin/sh
# called as: python -I -m MODULE ARGUMENTS
shift 3
exec env PYTHONPATH={folder} /usr/bin/python3 -B -m sitekit.session.start_application "$@"
"""


@pytest.fixture
def place() -> Iterator[Path]:
    with world_readable() as folder:
        python = folder / "current" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(PYTHON.format(folder=folder))
        python.chmod(0o755)
        shutil.copytree(SESSION, folder / "sitekit" / "session")
        shutil.copy(PROGRAM, folder)
        for path, _, files in os.walk(folder):
            os.chmod(path, 0o755)  # noqa: S103
            for name in files:
                os.chmod(os.path.join(path, name), 0o755)  # noqa: S103
        yield folder


def site_of(folder: Path, *applications: dict[str, Any]) -> Site:
    told = demo().model_dump()
    told["paths"]["prefix"] = folder
    told["server"]["applications"] = [
        {"title": "T", "timeout": "120s", **one} for one in applications
    ]
    return Site.model_validate(told)


def answering(folder: Path, status: int) -> list[str]:
    return ["/usr/bin/python3", f"{folder}/{PROGRAM.name}", "{socket}", str(status)]


def test_what_answers_is_recorded_and_what_does_not_is_removed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record_path(place)
    for timeout in ("2s", "20s", "120s"):  # on a busy machine the program may listen later
        site = site_of(
            place,
            {"key": "works", "command": answering(place, 200)},
            {"key": "login", "command": answering(place, 403)},
            {"key": "broken", "command": answering(place, 500), "timeout": timeout},
            {"key": "ends", "command": ["/bin/sh", "-c", "echo no licence; exit 3", "{socket}"]},
            {"key": "missing", "command": ["/nonexistent/program", "{socket}"]},
        )
        path.write_text(json.dumps({"broken": "of before", "removed": "kept"}))
        assert check_applications(site, ()) == 1
        told = capsys.readouterr().out
        if "it answers with 500" in told:
            break
    assert f"after {timeout.removesuffix('s')} s it answers with 500" in told
    assert "no licence" in told
    assert "/nonexistent/program cannot be run" in told
    settings = {one["key"]: one for one in application_settings(site, place)["applications"]}
    passed = {key: digest(settings[key]) for key in ("works", "login")}
    assert json.loads(path.read_text()) == {**passed, "removed": "kept"}
    assert check_applications(site, ("works",)) == 0


def test_an_unknown_key_is_refused(place: Path) -> None:
    site = site_of(place, {"key": "works", "command": answering(place, 200)})
    with pytest.raises(BadInput, match="no application 'other'"):
        check_applications(site, ("other",))
    with pytest.raises(BadInput, match="no applications"):
        check_applications(site_of(place), ())


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        requested(str(tmp_path / "none"), "/")
