"""The definition files of images fit the hub's environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
FILES = sorted((TOP / "images").glob("*.def"))
ENVIRONMENT = (TOP / "environment.yml").read_text()


def hub_version(package: str) -> str:
    found = re.search(rf"^  - {package} ([0-9.]+)\.\*$", ENVIRONMENT, re.MULTILINE)
    assert found, package
    return found[1]


def test_there_are_two() -> None:
    assert [file.name for file in FILES] == ["python-r-dask.def", "python.def"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_versions_are_those_of_the_hub(file: Path) -> None:
    text = file.read_text()
    assert f"'jupyterhub-base={hub_version('jupyterhub')}'" in text
    assert f"'jupyterlab={hub_version('jupyterlab')}'" in text
    assert {"'python=3.11'", "'ipykernel=7'", "'ipyparallel=9'"} <= set(text.split())
    for mount in ("/opt/sitekit-session", "/home", "/scratch"):
        assert re.search(rf"mkdir -p .*{mount}\b", text)
