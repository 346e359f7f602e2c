"""The way to a file: every folder and link that leads there, as the kernel follows them."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from sitekit.base.permissions_along_path import steps_of_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A file tree in which `a/link` leads by `b/on` and `..` to `c/d/file`."""
    for folder in ("a", "b", "c/d"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "c/d/file").touch()
    (tmp_path / "a/link").symlink_to("../b/on")
    (tmp_path / "b/on").symlink_to("/c")
    return tmp_path


def walked(root: Path, path: str) -> list[str]:
    return [str(step.path) + "!" * step.last for step in steps_of_path(Path(path), root)]


def test_links_are_followed_one_by_one(root: Path) -> None:
    assert walked(root, "/a/link/d/file") == [
        "/",
        "/a",
        "/a/link",
        "/b",
        "/b/on",
        "/c",
        "/c/d",
        "/c/d/file!",
    ]
    assert walked(root, "/a/link") == ["/", "/a", "/a/link", "/b", "/b/on", "/c!"]
    assert walked(root, "/") == ["/!"]


def test_dots_are_those_of_where_a_link_has_led(root: Path) -> None:
    assert walked(root, "/a/link/d/../../b") == [
        "/",
        "/a",
        "/a/link",
        "/b",
        "/b/on",
        "/c",
        "/c/d",
        "/b!",
    ]


def test_it_ends_where_nothing_is_there(root: Path) -> None:
    assert walked(root, "/a/nope/deep") == ["/", "/a"]
    assert walked(root, "/c/d/file/deep") == ["/", "/c", "/c/d", "/c/d/file"]
    (root / "a/gone").symlink_to("/nope")
    assert walked(root, "/a/gone") == ["/", "/a", "/a/gone"]


def test_links_in_circles_are_told(root: Path) -> None:
    (root / "a/round").symlink_to("round")
    with pytest.raises(OSError) as told:
        steps_of_path(Path("/a/round"), root)
    assert told.value.errno == errno.ELOOP
