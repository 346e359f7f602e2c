"""The definition files of images fit the hub's environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sitekit.site import load_site

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


def test_the_images_of_the_sites_have_their_python_where_the_definitions_install_it() -> None:
    site = load_site(TOP / "config/sites/comet-globus.yml")
    for image in site.server.images:
        definition = TOP / "images" / f"{image.path.stem}.def"
        prefix = re.search(r"create --yes --prefix (\S+)", definition.read_text())
        assert prefix and str(image.python) == f"{prefix[1]}/bin/python3"
