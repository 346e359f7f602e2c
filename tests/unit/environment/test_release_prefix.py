"""The prefix: who could replace it, who holds it, which release in it is whole, and where `current`
points."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import release_parts as parts

from sitekit.base.errors import Problem
from sitekit.environment.channel.solve_environment import Solution
from sitekit.environment.release import releases
from sitekit.environment.release.lock_and_check_prefix import open_prefix, refuse_unsafe, set_modes
from sitekit.site import Site

PACKAGES = [{"name": "a", "version": "1", "build": "0", "url": "file:///c/a.conda", "sha256": "ab"}]
KIT = {"version": "1", "hash": "k"}
INPUTS = {"wheels": "x", "channels": "y"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return parts.site_at(tmp_path, "conda-forge")


def begun(site: Site, packages: list[dict[str, str]] = PACKAGES) -> releases.Release:
    site.releases.mkdir(parents=True, exist_ok=True)
    solution = Solution("wheels", ".", [], ["a"], [], packages, "version: 7\n")
    return releases.begin(site, solution, KIT, "x", "y")


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o2775])
def test_a_parent_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    parent = tmp_path / "shared"
    parent.mkdir()
    parent.chmod(mode)
    with pytest.raises(Problem, match="can write here") as refused:
        refuse_unsafe(parent / "deep" / "prefix")
    assert refused.value.where == str(parent)
    parent.chmod(0o755)
    refuse_unsafe(parent / "deep" / "prefix")


def test_a_sticky_parent_is_safe_but_not_a_sticky_prefix(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    refuse_unsafe(tmp_path / "prefix")
    with pytest.raises(Problem, match="anybody can write here"):
        refuse_unsafe(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_a_parent_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    with pytest.raises(Problem, match="belongs to the account nobody, who"):
        refuse_unsafe(folder / "prefix")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
def test_links_of_somebody_else_are_refused(open_path: Path) -> None:
    """One that leads to the prefix; and one behind another, of which the end says nothing."""
    for name in ("prefix", "theirs"):
        (open_path / name).mkdir()
    (open_path / "theirs" / "on").symlink_to("../prefix")
    (open_path / "link").symlink_to("theirs/on")
    refuse_unsafe(open_path / "link")
    os.chown(open_path / "theirs", 65534, 65534)
    with pytest.raises(Problem, match="belongs to the account nobody") as refused:
        refuse_unsafe(open_path / "link")
    assert refused.value.where == str(open_path / "theirs")
    os.chown(open_path / "link", 65534, 65534, follow_symlinks=False)
    with pytest.raises(Problem, match="belongs to the account nobody") as refused:
        refuse_unsafe(open_path / "link" / "deep")
    assert refused.value.where == str(open_path / "link")


def test_one_at_a_time(site: Site) -> None:
    with (
        open_prefix(site),
        pytest.raises(Problem, match=f"process {os.getpid()} on"),
        open_prefix(site),
    ):
        pass
    with open_prefix(site):
        pass


def test_modes(tmp_path: Path) -> None:
    for name, mode in (("script", 0o700), ("page", 0o600), ("open", 0o666), ("right", 0o644)):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    (tmp_path / "link").symlink_to("/etc/shadow")
    (tmp_path / "inner").mkdir(0o700)
    before = os.stat("/etc/shadow").st_mode if os.path.exists("/etc/shadow") else 0
    tmp_path.chmod(0o755)
    assert set_modes(tmp_path) == 4
    assert [oct((tmp_path / name).stat().st_mode & 0o777) for name in ("script", "page", "open", "right", "inner")] == [
        "0o755", "0o644", "0o644", "0o644", "0o755",
    ]  # fmt: skip
    assert not before or os.stat("/etc/shadow").st_mode == before


def test_a_release_is_whole_only_when_it_says_so(site: Site) -> None:
    release = begun(site)
    assert (release.whole, release.installed) == (False, False)
    assert releases.made_from(site, INPUTS) == release
    release = releases.note(release, installed=True)
    found = releases.made_from(site, INPUTS)
    assert found and found.installed and not found.whole
    done = releases.finish(found)
    assert [r.whole for r in releases.releases(site)] == [True]
    assert not (done.path / releases.BUILDING).exists()
    assert (done.path / "explicit.txt").read_text() == "@EXPLICIT\nfile:///c/a.conda#sha256:ab\n"


def test_what_a_kill_left_of_a_note_goes_with_the_next(site: Site) -> None:
    release = begun(site)
    (release.path / ".building.json.k1ll3d").write_text("{")
    releases.note(release, installed=True)
    assert sorted(path.name for path in release.path.iterdir()) == sorted(
        releases.STATE - {releases.WHOLE}
    )


def test_other_directories_are_no_releases(site: Site) -> None:
    begun(site)
    (site.releases / "notes").mkdir()
    (site.releases / "link").symlink_to("notes")
    assert len(releases.releases(site)) == 1
    assert releases.made_from(site, {"wheels": "other", "channels": "other"}) is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"begun": 1}'])
def test_a_damaged_state_is_told(site: Site, text: str) -> None:
    release = begun(site)
    (release.path / releases.WHOLE).write_text(text)
    with pytest.raises(Problem, match="is not what sitekit writes"):
        releases.releases(site)


def test_current_is_relative_and_switched_in_one_step(site: Site) -> None:
    assert releases.current(site) is None
    first = begun(site)
    releases.switch_current_release(site, first)
    assert os.readlink(site.current) == f"releases/{first.name}"
    assert releases.current(site) == first.path
    second = begun(site, [{**PACKAGES[0], "version": "2"}])
    releases.switch_current_release(site, second)
    assert releases.current(site) == second.path != first.path
