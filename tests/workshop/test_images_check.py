"""`make images_check` tests images of Docker as the local gate runs them, and names what is wrong."""

from __future__ import annotations

import json

import pytest

from sitekit.kernels.images.check import check_images
from sitekit.site import Site

from .conftest import Workshop
from .machine import docker
from .test_refusals import ask, request
from .test_servers import containers

ANOTHER = f"sha256:{'0' * 64}"


def with_digest(site: Site, digest: str) -> Site:
    first, *others = site.docker.images
    images = (first.model_copy(update={"digest": digest}), *others)
    return site.model_copy(update={"docker": site.docker.model_copy(update={"images": images})})


def test_an_image_works_and_leaves_no_container(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    before = containers("--all")
    digest = docker("image", "inspect", "--format", "{{.Id}}", workshop.site.docker.images[0].name)
    assert check_images(with_digest(workshop.site, digest), ("python-r",)) == 0, capsys.readouterr()
    printed = capsys.readouterr().out
    assert "kernels: ir, python3" in printed and "JupyterHub" in printed
    assert set(containers("--all")) <= set(before)


def test_a_missing_or_another_image_fails(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_images(workshop.site, ("gone",)) == 1
    assert "Docker has no image sitekit/gone:1" in capsys.readouterr().out
    assert check_images(with_digest(workshop.site, ANOTHER), ("python-r",)) == 1
    assert "not that of the site file" in " ".join(capsys.readouterr().out.split())


def test_an_image_without_jupyter_fails(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Python of the image is a program that is not Python."""
    first, *others = workshop.site.docker.images
    images = (first.model_copy(update={"python": "/bin/ls"}), *others)
    update = {"docker": workshop.site.docker.model_copy(update={"images": images})}
    assert check_images(workshop.site.model_copy(update=update), ("python-r",)) == 1
    assert "its Python /bin/ls does not run" in " ".join(capsys.readouterr().out.split())
    assert docker("ps", "--all", "--quiet", "--filter=label=sitekit.trial") == ""


def test_the_gate_starts_the_image_of_the_digest_alone(workshop: Workshop) -> None:
    path = workshop.site.libexec / "local_gate.json"
    text = path.read_text()
    config = json.loads(text)
    config["docker"]["images"]["python-r"]["name"] = ANOTHER
    try:
        path.write_text(json.dumps(config))
        assert ask(workshop, request())["kind"] == "image"
    finally:
        path.write_text(text)
