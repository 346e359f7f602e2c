"""Servers of jobs that start from the image or the archive of their release, on the demo."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sitekit.environment.release import releases
from sitekit.environment.release.write_single_file import IMAGE_SUM, pack_whole
from sitekit.machine.apply.commands import apply
from sitekit.site import Site

from ..applied import applied
from ..conftest import CHECKOUT, Demo
from ..packages import install
from ..person import Person
from ..processes import processes, words_of
from ..slurm import until
from .test_chain import python_of

# three times `make apply`, and four starts of a server
pytestmark = pytest.mark.soak
FOLDER = Path("/var/tmp")


@pytest.fixture(scope="module", autouse=True)
def devices() -> Iterator[None]:
    """A machine without udev lacks these devices, or users cannot open /dev/fuse there."""
    install("fuse3", "squashfuse", "squashfs-tools")
    loops = {f"loop{number}": (stat.S_IFBLK | 0o660, 7, number) for number in range(8)}
    others = {
        "fuse": (stat.S_IFCHR | 0o666, 10, 229),
        "loop-control": (stat.S_IFCHR | 0o660, 10, 237),
    }
    for name, (mode, major, minor) in {**others, **loops}.items():
        if not (device := Path("/dev", name)).exists():
            os.mknod(device, mode, os.makedev(major, minor))
    fuse = Path("/dev/fuse")
    mode = stat.S_IMODE(fuse.stat().st_mode)
    fuse.chmod(0o666)
    yield
    fuse.chmod(mode)


def python_of_server(name: str) -> str:
    """The path of the Python that runs this user's server."""
    uid = pwd.getpwnam(name).pw_uid
    for folder in processes():
        with suppress(FileNotFoundError):  # a process that has ended meanwhile
            words = words_of(folder)
            if folder.stat().st_uid == uid and words[1:4] == ["-I", "-m", "sitekit.session.server"]:
                return words[0]
    raise AssertionError(f"no server of {name} runs")


def last_log(person: Person) -> str:
    """The log of the newest job of this user."""
    logs = Path(pwd.getpwnam(person.name).pw_dir).rglob("job-*.log")
    return max(logs, key=lambda log: log.stat().st_mtime).read_text()


def packed(site: Site) -> None:
    release = releases.read(site.current.resolve())
    assert release
    pack_whole(site, release)


@contextmanager
def mounted_by_the_prolog(site: Site, folder: Path) -> Iterator[Path]:
    """The release, over which root has mounted its copy of the image. The script runs twice, as for
    two jobs; an image with another hash is not mounted."""
    release = site.current.resolve()
    argv = [CHECKOUT / "scripts/mount-release", site.paths.prefix, "root", folder]
    total = release / IMAGE_SUM
    hash_of_image = total.read_text()
    first, tables = map(int, hash_of_image.split()[1:])  # a start reads these parts in order
    assert 5e6 < first < 3e7 and 1e5 < tables < 3e6, hash_of_image
    total.write_text("0" * 64 + "\n")
    subprocess.run(argv, check=True)
    assert not os.path.ismount(release)
    total.write_text(hash_of_image)
    for _ in range(2):
        subprocess.run(argv, check=True)
    try:
        found = subprocess.run(
            ["findmnt", "-no", "FSTYPE,OPTIONS", release], capture_output=True, text=True
        )
        assert found.stdout.startswith("squashfs ro,nosuid,nodev"), found.stdout
        yield release
    finally:
        subprocess.run(["umount", "--lazy", release], check=True)
    assert not os.path.ismount(release)


def works(alice: Person) -> None:
    """A kernel of the cluster computes, and can be interrupted. Browsers keep the page's files."""
    page = alice.lab()
    script = re.search(r'src="([^"]+/static/lab/main[^"]+)"', page.text)
    assert page.status_code == 200 and script
    assert "max-age=31536000" in alice.http.get(script[1]).headers["Cache-Control"]
    kernel = alice.kernel(python_of(alice))
    assert kernel.run("print(6 * 7)") == "42"
    handler = "import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
    assert kernel.run(handler) == "False"
    kernel.close()


def test_servers_start_from_the_image_or_a_copy(demo: Demo, alice: Person, open_path: Path) -> None:
    """squashfuse mounts the image without root, and nothing is left after the server; or root
    mounts it for all users. Nobody else can read or change a copy, and a folder of another user is
    not used."""
    uid = pwd.getpwnam("alice").pw_uid
    own = FOLDER / f"sitekit-cache-{uid}"
    with applied(server={"start": "image", "start_folder": str(FOLDER)}) as site:
        packed(site)
        assert alice.start("small")[-1].get("ready"), last_log(alice)
        assert python_of_server("alice").startswith(f"{FOLDER}/sitekit-{uid}-"), last_log(alice)
        works(alice)
        alice.stop_and_wait()
        until(lambda: not list(FOLDER.glob(f"sitekit-{uid}-*")))  # the job's end removes it
        with mounted_by_the_prolog(site, open_path) as release:
            assert alice.start("small")[-1].get("ready"), last_log(alice)
            assert python_of_server("alice") == f"{release}/bin/python"
            alice.stop_and_wait()

        server = site.server.model_copy(update={"start": "cache"})
        site = site.model_copy(update={"server": server})
        assert apply(site) == 0
        packed(site)
        assert alice.start("small")[-1].get("ready"), last_log(alice)
        assert python_of_server("alice").startswith(f"{own}/"), last_log(alice)
        assert (own.stat().st_uid, stat.S_IMODE(own.stat().st_mode)) == (uid, 0o700)
        alice.stop_and_wait()
        shutil.rmtree(own)
        own.mkdir(mode=0o700)
        os.chown(own, pwd.getpwnam("bob").pw_uid, -1)
        assert alice.start("small")[-1].get("ready")
        assert python_of_server("alice") == f"{site.current.resolve()}/bin/python"
        assert f"{own} is not a private folder of this user" in last_log(alice)
        alice.stop_and_wait()
        own.rmdir()
