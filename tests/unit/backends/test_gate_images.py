"""The image of a request: the hub names it, and gate.json alone says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gate_program import gate_program
from machine_sites import demo

from sitekit.backends.slurm.gate_client import request_of
from sitekit.contracts.gate_config import gate_config
from sitekit.contracts.image_settings import describe_images, record_path
from sitekit.hub.choices.check_choice import read_choice
from sitekit.site import Site

IMAGE = {
    "key": "python",
    "title": "Python",
    "path": "/shared/images/python.sif",
    "binds": ["/scratch", "/data:/mnt/data:ro"],
}
SERVER = {"containers": {"engine": "apptainer"}, "images": [IMAGE]}


def site() -> Site:
    values = demo(server=SERVER).model_dump(mode="json")
    values["tiers"][0]["images"] = ["python"]
    return Site.model_validate(values)


def config() -> dict[str, Any]:
    return gate_config(site())


def test_gate_json_has_what_a_session_needs_of_the_image() -> None:
    assert config()["images"]["python"] == {
        "key": "python",
        "engine": "apptainer",
        "program": "/usr/bin/apptainer",
        "path": "/shared/images/python.sif",
        "python": "/usr/bin/python3",
        "binds": ["/scratch:/scratch", "/data:/mnt/data:ro"],
        "record": "/opt/sitekit/demo/images/python.json",
    }
    assert "images" not in gate_config(demo())


def test_the_session_gets_the_image_that_the_request_names() -> None:
    gate, told = gate_program(), config()
    session = json.loads(gate.session_settings(told, "python"))
    assert session.pop("image") == told["images"]["python"]
    assert session == json.loads(told["session"])
    assert gate.session_settings(told, None) == told["session"]


@pytest.mark.parametrize(
    "image",
    ["r", "", "../python", "/shared/images/python.sif", IMAGE, ["python"], 1, True],
    ids=str,
)
def test_an_image_that_gate_json_does_not_have_is_refused(image: object) -> None:
    gate = gate_program()
    with pytest.raises(gate.Refused, match=r"no such image; it has: python"):
        gate.session_settings(config(), image)
    with pytest.raises(gate.Refused, match=r"no such image; it has: none"):
        gate.session_settings(gate_config(demo()), image)


def test_the_request_has_the_key_alone() -> None:
    choice, _ = read_choice(site(), {"tier": "small"})
    assert request_of(choice, "0" * 16, {})["image"] == "python"
    choice, _ = read_choice(site(), {"tier": "large"})
    assert "image" not in request_of(choice, "0" * 16, {})


def test_the_status_names_images_that_were_not_tested(tmp_path: Path) -> None:
    values = site().model_dump(mode="json")
    values["paths"]["prefix"] = str(tmp_path)
    values["server"]["images"] += [{"key": "r", "title": "R", "path": "/shared/images/r.sif"}]
    tested = Site.model_validate(values)
    (tmp_path / "images").mkdir()
    record_path(tmp_path, "r").touch()
    assert describe_images(tested) == "1 of 2 tested; not tested: python; make images_check"
    record_path(tmp_path, "python").touch()
    assert describe_images(tested) == "2 of 2 tested"
    assert describe_images(demo()) == ""
