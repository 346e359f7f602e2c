"""The files of an image: who may write them, the digest, and the state that is recorded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.kernels.images.check_image_files import Unproven, check_files, stamps
from sitekit.session.containers.container import stamp
from sitekit.site.sections.images import Image

DIGEST = "sha256:" + hashlib.sha256(b"an image").hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that only this account can write, with an image as a file and one as a directory."""
    tmp_path.chmod(0o755)
    (tmp_path / "image.sif").write_bytes(b"an image")
    for name in ("usr/bin", "etc", "opt/py/site-packages"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    (tmp_path / "tree" / "usr/bin/python3").touch()
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755)
    yield tmp_path


def image(path: Path, **more: object) -> Image:
    return Image.model_validate({"key": "a", "title": "A", "path": str(path), **more})


def refused(asked: Image) -> str:
    with pytest.raises(Unproven) as why:
        check_files(asked, os.geteuid())
    return str(why.value)


def test_good_files(folder: Path) -> None:
    (folder / "tree" / "tmp").mkdir()
    (folder / "tree" / "tmp").chmod(0o1777)
    check_files(image(folder / "image.sif", digest=DIGEST), os.geteuid())
    check_files(image(folder / "tree"), os.geteuid())


def test_a_missing_file(folder: Path) -> None:
    assert "is missing" in refused(image(folder / "none.sif"))


def test_another_digest(folder: Path) -> None:
    why = refused(image(folder / "image.sif", digest=f"sha256:{'0' * 64}"))
    assert f"its digest is {DIGEST}, not" in why
    assert "a directory has no digest" in refused(image(folder / "tree", digest=DIGEST))


@pytest.mark.parametrize("name", ["image.sif", "tree", "tree/etc", "tree/usr/bin/python3", "."])
def test_files_that_everybody_can_write(folder: Path, name: str) -> None:
    (folder / name).chmod(0o777)
    which = "image.sif" if name in ("image.sif", ".") else "tree"
    assert str((folder / name).resolve()) in refused(image(folder / which))


def test_the_recorded_state_changes_with_the_packages(folder: Path) -> None:
    tree = image(folder / "tree")
    before = stamps(tree, ["/opt/py/site-packages"])
    top = os.path.realpath(tree.path)
    assert before[top] == stamp(top) and before[f"{top}/usr/bin/python3"]
    (folder / "tree" / "opt/py/site-packages/new").touch()
    after = stamps(tree, ["/opt/py/site-packages"])
    assert [path for path in before if before[path] != after[path]] == [
        f"{top}/opt/py/site-packages"
    ]
    file = image(folder / "image.sif")
    assert list(stamps(file, ["/opt/py/site-packages"])) == [os.path.realpath(file.path)]
