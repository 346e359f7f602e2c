"""A hostile filesystem: kills, a full disk, two at once, read-only, odd paths. The current release
works after each, and the same command finishes the job."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import release_parts as parts
import small_checkout as small
from session_parts import until
from tests.checkout import Checkout
from tests.walk import walked

from sitekit.environment import build_release, commands
from sitekit.environment.release import file_hashes, releases
from sitekit.environment.release.bytecode import compile_all
from sitekit.environment.release.lock_and_check_prefix import open_prefix
from sitekit.environment.wheels.environment_yml import Packages
from sitekit.site.settings import Paths

pytestmark = [pytest.mark.slow, parts.needs_system_python]
BUILD = ("setup_conda", "install_all")


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture(scope="module")
def built(channel: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One whole release, in use, below a prefix of 140 letters. Tests that add another take it away
    again."""
    folder = tmp_path_factory.mktemp("built")
    prefix = folder / ("x" * (140 - len(str(folder)) - 1))
    assert len(str(prefix)) == 140
    made = small.checkout(folder / "checkout", channel, prefix)
    made.make(*BUILD, before=masked("077"))
    return made


def masked(umask: str) -> list[str]:
    return ["sh", "-c", f'umask {umask} && exec "$@"', "sh"]


@pytest.fixture
def larger(built: Checkout) -> Iterator[Checkout]:
    """The same with a longer environment.yml, which is not built yet. Afterwards there is the first
    release alone."""
    first = small.works(built.site)
    (built.folder / "environment.yml").write_text(small.LARGER)
    yield built
    (built.folder / "environment.yml").write_text(small.ENVIRONMENT)
    releases.switch_current_release(built.site, releases.read(built.site.releases / first))
    for path in built.site.releases.iterdir():
        if path.is_dir() and path.name != first:
            shutil.rmtree(path)


def kill_once(checkout: Checkout, longest: float) -> float:
    """Start the build, and kill its program, and that alone, at a random moment within `longest`
    seconds; returns the moment. Nothing that it had started may go on."""
    moment = random.uniform(0, longest)  # noqa: S311
    with checkout.start(*BUILD) as started:
        time.sleep(moment)
        if started.poll() is None:
            for program in psutil.Process(started.pid).children():
                with suppress(psutil.NoSuchProcess):  # it may have ended just now
                    program.kill()
    parts.until_group_has_ended(started.pid)
    prefix = str(checkout.site.paths.prefix)
    until(
        lambda: (
            not [
                p
                for p in psutil.process_iter(["cmdline"])
                if prefix in " ".join(p.info["cmdline"] or [])
            ]
        )
    )
    return moment


@pytest.mark.soak
def test_kills_in_a_row_at_random_moments(larger: Checkout) -> None:
    first = small.works(larger.site)
    moments = []
    for _ in range(3):
        moments.append(kill_once(larger, 4.0))
        if small.works(larger.site) != first:  # a fast machine was done before
            break
    larger.make(*BUILD, before=masked("002"))
    assert small.works(larger.site) != first, moments
    for path in larger.site.current.resolve().rglob("*"):
        assert path.is_symlink() or not path.stat().st_mode & 0o022, path


@pytest.mark.soak
def test_twenty_kills_each_of_them_mended_by_the_same_command(larger: Checkout) -> None:
    first = small.works(larger.site)
    for _ in range(20):
        moment = kill_once(larger, 8.0)
        small.works(larger.site)
        larger.make(*BUILD)
        second = small.works(larger.site)
        assert second != first, moment
        releases.switch_current_release(larger.site, releases.read(larger.site.releases / first))
        small.forget(larger.site, second)


HOLD = Path(__file__).parent / "programs" / "hold.py"


def test_two_at_once_and_one_that_died(larger: Checkout) -> None:
    environment = {**os.environ, "PYTHONPATH": str(larger.folder / "scripts")}
    holder = subprocess.Popen(
        [sys.executable, HOLD, larger.file], env=environment, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        said = larger.make("setup_conda", code=2)
        assert f"another sitekit is at work here (process {holder.pid} on " in said
        holder.kill()
    assert "The packages are in place" in larger.make("setup_conda")
    small.works(larger.site)


def test_a_release_that_does_not_pass_is_set_aside(larger: Checkout) -> None:
    first = small.works(larger.site)
    larger.make("setup_conda")
    [new] = [release for release in releases.releases(larger.site) if not release.whole]
    (new.path / "lib/stray.so").write_text("whose?")
    words = next(new.path.rglob("words.py"))
    words.unlink()
    words.write_text("GREETING = 'good night'\n")
    said = larger.make("install_all", code=2)
    assert f"{new.path}.failed: this release does not work and will not be used" in said
    assert "words.py was altered" in said and "lib/stray.so belongs to no package" in said
    assert small.works(larger.site) == first
    said = larger.make("releases")
    assert any(f"{new.name}.failed" in line and "failed" in line for line in said.splitlines())
    assert "not there yet" in larger.make("install_all", code=2)


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "sitekit-test", folder],
        check=True,
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_and_one_that_cannot_be_written_to(channel: Path, tmp_path: Path) -> None:
    with disk(tmp_path / "disk", 400) as place:
        checkout = small.checkout(tmp_path / "checkout", channel, place / "prefix")
        checkout.make(*BUILD)
        first = small.works(checkout.site)
        (checkout.folder / "environment.yml").write_text(small.LARGER)
        room = os.statvfs(place)
        for left in (0, 2_000_000, 6_000_000):
            filler = place / "filler"
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - left)
            said = checkout.make(*BUILD, code=2)
            assert "No space left" in said or "os error 28" in said, said
            assert "Traceback" not in said
            assert small.works(checkout.site) == first
            filler.unlink()
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        assert "cannot write here: Read-only file system" in checkout.make("setup_conda", code=2)
        assert first in checkout.make("releases")
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
        checkout.make(*BUILD)
        assert small.works(checkout.site) != first


def test_programs_of_a_long_prefix_run(built: Checkout) -> None:
    for words in (["hello-script"], ["hello"], ["pip", "--version"]):
        program = built.site.current.resolve() / "bin" / words[0]
        said = subprocess.run(
            [program, *words[1:]], capture_output=True, text=True, check=True, timeout=300
        )
        assert said.stdout == "good morning\n" or str(built.site.releases) in said.stdout


def test_a_prefix_with_blanks(
    built: Checkout, channel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """site.yml refuses it, as services could not be started from there; the packages themselves can
    live with it."""
    monkeypatch.setattr(commands, "read_packages", lambda: Packages(("python", "hello"), ()))
    monkeypatch.setattr(build_release, "LOCK", tmp_path / "environment.lock")
    paths = Paths.model_construct(prefix=tmp_path / "a b" / "c d", state=tmp_path / "state")
    site = built.site.model_copy(update={"paths": paths})
    commands.setup_conda(site)
    [release] = releases.releases(site)
    assert file_hashes.faults(release.path, {}) == []
    for program in ("hello", "hello-script"):
        said = subprocess.run(
            [release.path / "bin" / program],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        assert said.stdout == "good morning\n"


def test_a_prefix_longer_than_packages_can_hold_is_refused(built: Checkout, tmp_path: Path) -> None:
    prefix = tmp_path / ("x" * 120) / ("y" * 120)
    site = built.site.model_copy(
        update={"paths": Paths.model_construct(prefix=prefix, state=tmp_path / "state")}
    )
    with pytest.raises(commands.Problem, match="too long"), open_prefix(site):
        pass
    assert not prefix.exists()


@pytest.mark.parametrize("name", [".cache", "releases"])
def test_links_that_leave_the_prefix_are_refused(
    built: Checkout, tmp_path: Path, name: str
) -> None:
    prefix = tmp_path / "prefix"
    prefix.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (prefix / name).symlink_to(tmp_path / "elsewhere")
    site = built.site.model_copy(
        update={"paths": Paths.model_construct(prefix=prefix, state=tmp_path / "state")}
    )
    with pytest.raises(commands.Problem, match="leaves the prefix"), open_prefix(site):
        pass
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../other"])
def test_a_link_that_leaves_the_release_is_told(built: Checkout, target: str) -> None:
    path = built.site.current.resolve()
    link = path / "lib/away"
    link.symlink_to(target)
    try:
        faults = file_hashes.faults(path, releases.read(path).facts["own"])
    finally:
        link.unlink()
    assert faults == ["lib/away belongs to no package", "lib/away leaves the release"]


def test_from_a_lock_every_byte_is_the_same(larger: Checkout) -> None:
    larger.make("lock")
    site, built_from = larger.site, []
    for _ in range(2):
        larger.make(*BUILD)
        name = small.works(site)
        built_from.append(contents(site.current.resolve()))
        releases.switch_current_release(
            site, next(one for one in releases.releases(site) if one.name != name)
        )
        small.forget(site, name)
    assert built_from[0] == built_from[1]
    assert any(path.endswith(".pyc") for path in built_from[0])
    (larger.folder / "environment.yml").write_text(small.ENVIRONMENT)
    said = larger.make("setup_conda", code=2)
    assert "was made from another environment.yml" in said and "the lock alone: stone-age" in said
    (larger.folder / "environment.lock").unlink()
    (larger.folder / "environment.explicit.txt").unlink()


def contents(release: Path) -> dict[str, bytes]:
    """Every file of a release but the one that tells the times."""
    return {
        str(path.relative_to(release)): os.readlink(path).encode()
        if path.is_symlink()
        else path.read_bytes()
        for path in release.rglob("*")
        if path.name != releases.WHOLE and (path.is_symlink() or path.is_file())
    }


def test_bytecode_does_not_ask_for_the_time_of_its_source(built: Checkout) -> None:
    """A prefix that was copied, or whose files were touched, is not compiled again at every start."""
    [compiled] = built.site.current.resolve().rglob("__pycache__/words.*.pyc")
    assert compiled.read_bytes()[4:8] == b"\x01\0\0\0"  # PEP 552: by hash, unchecked
    assert compile_all(releases.read(built.site.current.resolve())) > 100


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_an_ordinary_account_can_read_all_of_it_and_change_none(built: Checkout) -> None:
    for folder in built.folder.parents[:-1]:
        if folder.stat().st_mode & 0o005 != 0o005 and folder != Path("/tmp"):
            folder.chmod(0o755)
    release = built.site.current.resolve()
    assert walked(built.site.paths.prefix, "nobody", built.site.paths.prefix / ".cache") > 1000
    hello = subprocess.run([release / "bin/hello"], user="nobody", group="nogroup", extra_groups=[], env={}, cwd="/",
                           capture_output=True, text=True, timeout=300)  # fmt: skip
    assert hello.stdout == "good morning\n"
