"""A server's start from the image or the archive of its release: start_server.sh, run by a real
shell with a small release."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sitekit.base.errors import Problem
from sitekit.environment.release import file_hashes
from sitekit.environment.release.releases import Release
from sitekit.environment.release.remove_releases import size
from sitekit.environment.release.write_single_file import (
    ARCHIVE_SUM,
    IMAGE,
    SCRIPT,
    is_packed,
    pack,
    pack_whole,
)
from sitekit.site import Site, load_site

DEMO = Path(__file__).parents[3] / "config/sites/demo.yml"
PYTHON = '#!/bin/sh\necho "$0 $*"\n[ ! -p "$HOLD" ] || read -r line <"$HOLD"\n'
FOUND = "-I -m sitekit.session.server\n"
SHARED = "sitekit: the server starts from the shared filesystem: "


def site_of(prefix: Path, start: str) -> Site:
    """The demo's site, with this prefix and server.start."""
    site = load_site(DEMO)
    paths = site.paths.model_copy(update={"prefix": prefix})
    server = site.server.model_copy(update={"start": start})
    return site.model_copy(update={"paths": paths, "server": server})


def release_at(prefix: Path, name: str, start: str) -> Path:
    """A release whose Python prints its command line, and waits if HOLD is a pipe."""
    path = prefix / "releases" / name
    (path / "bin").mkdir(parents=True)
    (path / "share/sitekit").mkdir(parents=True)
    (prefix / ".cache").mkdir(exist_ok=True)
    (path / "bin/python3").write_text(PYTHON)
    (path / "bin/python3").chmod(0o755)
    (path / "bin/python").symlink_to("python3")
    (path / "release.json").write_text("{}")
    pack(site_of(prefix, start), Release(path, {}, False))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder like /tmp on a node."""
    (tmp_path / "local").mkdir()
    (tmp_path / "local").chmod(0o1777)
    for above in tmp_path.parents:  # pytest's own folders belong to this user
        if above != Path("/tmp") and above.is_relative_to("/tmp"):
            above.chmod(0o755)
    return tmp_path / "local"


def start(words: str, folder: Path, release: Path, path: str = os.defpath) -> str:
    """What a job's log has after the start."""
    argv = ["/bin/sh", str(SCRIPT), *words.split(), str(folder), str(release)]
    environment = {"PATH": path, "HOLD": ""}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=180, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def own(folder: Path) -> Path:
    return folder / f"sitekit-cache-{os.getuid()}"


def copies(folder: Path) -> list[str]:
    return sorted(path.name.rsplit("-", 1)[0] for path in own(folder).iterdir() if path.is_dir())


def test_the_first_start_unpacks_and_the_next_ones_use_the_copy(
    tmp_path: Path, folder: Path
) -> None:
    release = release_at(tmp_path, "one", "cache")
    copy = own(folder) / f"one-{(release / ARCHIVE_SUM).read_text().split()[0]}"
    assert start("cache", folder, release) == f"{copy}/bin/python {FOUND}"
    assert own(folder).stat().st_mode & 0o777 == 0o700
    made = (copy / "bin/python3").stat().st_ino
    assert start("cache", folder, release) == f"{copy}/bin/python {FOUND}"
    assert (copy / "bin/python3").stat().st_ino == made
    assert not (copy / "release.json").exists()


def test_a_copy_that_lost_a_file_is_unpacked_again(tmp_path: Path, folder: Path) -> None:
    """As programs do that remove old files from /tmp."""
    release = release_at(tmp_path, "one", "cache")
    start("cache", folder, release)
    [lost] = own(folder).glob("one-*/bin/python3")
    lost.unlink()
    (own(folder) / "part-killed").mkdir()
    assert SHARED not in start("cache", folder, release)
    assert lost.exists() and not (own(folder) / "part-killed").exists()


def test_an_archive_with_another_hash_is_not_used(tmp_path: Path, folder: Path) -> None:
    release = release_at(tmp_path, "one", "cache")
    with (release / "share/sitekit/release.tar.gz").open("ab") as archive:
        archive.write(b"more")
    told = start("cache", folder, release)
    assert told.startswith(SHARED) and "another hash" in told
    assert told.endswith(f"{release}/bin/python {FOUND}")
    assert copies(folder) == []


@pytest.mark.parametrize("line", ["", "$(reboot) 1 1", "abc -1 2", "a b"])
def test_a_wrong_sum_is_not_used(tmp_path: Path, folder: Path, line: str) -> None:
    release = release_at(tmp_path, "one", "cache")
    (release / ARCHIVE_SUM).write_text(line)
    assert start("cache", folder, release).startswith(SHARED)


@pytest.mark.parametrize("attack", ["mode", "link", "file", "folder"])
def test_no_folder_of_another_user_is_used(tmp_path: Path, folder: Path, attack: str) -> None:
    release = release_at(tmp_path, "one", "cache")
    if attack == "mode":  # another user could have written there
        own(folder).mkdir()
        own(folder).chmod(0o777)
    elif attack == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        own(folder).symlink_to(tmp_path / "elsewhere")
    elif attack == "file":
        own(folder).write_text("")
    else:  # another user could rename this user's folder there
        folder.chmod(0o777)
    told = start("cache", folder, release)
    assert told.startswith(SHARED) and told.endswith(f"{release}/bin/python {FOUND}")
    assert not list(tmp_path.glob("elsewhere/*")) and "\n" not in told.removesuffix(FOUND)[:-1][:80]


def test_a_full_disk_starts_the_server_from_the_release(tmp_path: Path, folder: Path) -> None:
    release = release_at(tmp_path, "one", "cache")
    digest, _, files = (release / ARCHIVE_SUM).read_text().split()
    (release / ARCHIVE_SUM).write_text(f"{digest} {10**12} {files}\n")
    assert "has not enough free space" in start("cache", folder, release)
    assert copies(folder) == []


def test_old_copies_are_removed_but_not_those_in_use(tmp_path: Path, folder: Path) -> None:
    releases = [release_at(tmp_path, name, "cache") for name in ("one", "two", "three")]
    hold = tmp_path / "hold"
    os.mkfifo(hold)
    argv = ["/bin/sh", str(SCRIPT), "cache", str(folder), str(releases[0])]
    environment = {"PATH": os.defpath, "HOLD": str(hold)}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout and running.stdout.readline().endswith(FOUND)
        for release in releases[1:]:
            start("cache", folder, release)
        assert copies(folder) == ["one", "three"]
        # the copy of the running server lost a file: it is neither removed nor used
        [lost] = own(folder).glob("one-*/bin/python")
        lost.rename(tmp_path / "lost")
        (lost.parent / "python3").unlink()
        assert "another server of this user still uses it" in start("cache", folder, releases[0])
        hold.write_text("end\n")
    start("cache", folder, releases[2])
    assert copies(folder) == ["three"]


def test_starts_at_once_unpack_one_copy(tmp_path: Path, folder: Path) -> None:
    release = release_at(tmp_path, "one", "cache")
    argv = ["/bin/sh", str(SCRIPT), "cache", str(folder), str(release)]
    environment = {"PATH": os.defpath, "HOLD": ""}
    running = [
        subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    told = {process.communicate(timeout=180)[0] for process in running}
    assert len(told) == 1 and SHARED not in told.pop()
    assert copies(folder) == ["one"]


def test_without_squashfuse_the_server_starts_from_the_release(
    tmp_path: Path, folder: Path
) -> None:
    release = release_at(tmp_path, "one", "direct")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("id", "mountpoint", "uname"):
        (programs / name).symlink_to(shutil.which(name) or "")
    told = start("image", folder, release, path=str(programs))
    assert "squashfuse or fusermount is not installed on " in told
    assert told.endswith(f"{release}/bin/python {FOUND}")


def test_an_image_that_others_can_change_is_not_used(tmp_path: Path, folder: Path) -> None:
    release = release_at(tmp_path, "one", "direct")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("squashfuse", "fusermount"):
        (programs / name).write_text("#!/bin/sh\necho used\n")
        (programs / name).chmod(0o755)
    told = start("image", folder, release, path=f"{programs}:{os.defpath}")
    assert "can change it" in told or "cannot open /dev/fuse" in told
    (release / IMAGE).write_bytes(b"")
    (release / IMAGE).chmod(0o664)
    told = start("image", folder, release, path=f"{programs}:{os.defpath}")
    assert ("can change it" in told or "cannot open /dev/fuse" in told) and "used" not in told


def test_a_complete_release_gets_its_archive_later(tmp_path: Path) -> None:
    site = site_of(tmp_path, "cache")
    facts = {"own": {"share/sitekit/start-server": "x"}}
    path = release_at(tmp_path, "one", "direct")
    release = Release(path, facts, True)
    assert is_packed(site_of(tmp_path, "direct"), release) and not is_packed(site, release)
    before = size(path)[0]
    release = pack_whole(site, release)
    assert is_packed(site, release) and release.facts["own"]["share/sitekit/start-server"] == "x"
    assert size(path)[0] >= before and not list((tmp_path / ".cache").iterdir())


def test_the_archive_belongs_to_the_release(tmp_path: Path) -> None:
    """The checks of a release, and `make doctor`, compare its hash."""
    path = release_at(tmp_path, "one", "direct")
    own = pack(site_of(tmp_path, "cache"), Release(path, {}, False))
    expected = {"bin/python": "", "bin/python3": "", **own}
    assert file_hashes.faults(path, expected) == []
    with (path / "share/sitekit/release.tar.gz").open("ab") as archive:
        archive.write(b"more")
    assert file_hashes.faults(path, expected) == ["share/sitekit/release.tar.gz was altered"]


def test_without_mksquashfs_the_build_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(Problem, match="mksquashfs is not installed") as told:
        release_at(tmp_path, "one", "image")
    assert "squashfs-tools" in (told.value.remedy or "")
