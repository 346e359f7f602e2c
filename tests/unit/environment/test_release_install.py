"""A real environment, small, installed by rattler from a channel of wheels; every sharp edge held
against it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import release_parts as parts

from sitekit.base.errors import Problem
from sitekit.base.module_in_child_process import ask_child_process
from sitekit.environment import build_release, commands
from sitekit.environment.channel import ENGINE
from sitekit.environment.release import releases
from sitekit.environment.release.bytecode import compile_all
from sitekit.environment.wheels.environment_yml import Packages
from sitekit.site import Site

pytestmark = [pytest.mark.slow, parts.needs_system_python]
SET_UP = Path(__file__).parent / "programs" / "set_up.py"
WANTED = Packages(("python", "hello", "stone-age"), ())


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parts.small_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture
def site(channel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site whose environment.yml asks for WANTED; its prefix lies where other users can see it."""
    monkeypatch.setattr(commands, "read_packages", lambda: WANTED)
    monkeypatch.setattr(build_release, "LOCK", tmp_path / "environment.lock")
    folder = Path(tempfile.mkdtemp(prefix="sitekit-test-"))
    folder.chmod(0o755)
    yield parts.site_at(folder, channel)
    shutil.rmtree(folder)


def only(site: Site) -> releases.Release:
    (release,) = releases.releases(site)
    return release


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def test_under_a_closed_umask_everybody_can_use_it_and_nobody_can_write(site: Site) -> None:
    before = os.umask(0o077)
    try:
        assert commands.setup_conda(site) == 0
    finally:
        assert os.umask(before) == 0o077  # put back as it was
    release = only(site)
    for path in [release.path, *release.path.rglob("*")]:
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode & 0o444 == 0o444, path
            assert not mode & 0o022, path
            assert mode & 0o111 == 0o111 or not (path.is_dir() or mode & 0o100), path
    assert stat.S_IMODE((site.paths.prefix / ".cache").stat().st_mode) == 0o700
    if os.geteuid() == 0:
        said = subprocess.run(
            [release.path / "bin/hello"], user="nobody", group="nogroup", extra_groups=[], env={}, cwd="/", check=True,
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert said.stdout == "good morning\n"


def test_it_is_a_conda_environment_that_runs(site: Site, channel: Path) -> None:
    commands.setup_conda(site)
    release = only(site)
    for program in ("hello", "hello-script"):
        said = subprocess.run(
            [release.path / "bin" / program],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        assert said.stdout == "good morning\n"
    assert (release.path / "etc/hello/hello.json").exists()
    assert not (release.path / "CACHEDIR.TAG").exists()
    records = {
        file.name: json.loads(file.read_text())
        for file in (release.path / "conda-meta").glob("*.json")
    }
    assert {record["name"] for record in records.values()} == {
        "python",
        "hello",
        "words",
        "horn",
        "stone-age",
    }
    assert records["hello-1.0-pypi_py_0.json"]["requested_specs"] == ["hello"]
    assert records["words-1.0-pypi_py_0.json"]["channel"].rstrip("/") == channel.as_uri()
    path = subprocess.run(
        [release.python, "-I", "-c", "import sys; print(*sys.path)"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert all(part.startswith(str(release.path)) for part in path.stdout.split()), path.stdout


def test_what_pip_adds_lands_where_the_environment_looks(site: Site, tmp_path: Path) -> None:
    commands.setup_conda(site)
    release = only(site)
    extra = parts.wheel(
        tmp_path,
        "extra",
        {"extra.py": "def main():\n    print('here')\n"},
        scripts="extra = extra:main",
    )
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        release.python,
        "install",
        "-q",
        "--no-index",
        extra,
    ]
    subprocess.run(pip, check=True, timeout=300, capture_output=True)
    assert (
        subprocess.run(
            [release.path / "bin/extra"], capture_output=True, text=True, timeout=300
        ).stdout
        == "here\n"
    )


def test_its_files_are_shared_with_the_private_cache_only(site: Site) -> None:
    commands.setup_conda(site)
    release, cache = only(site), site.paths.prefix / ".cache"
    shared = {
        path.stat().st_ino: path.stat().st_nlink
        for path in files(release.path)
        if path.stat().st_nlink > 1
    }
    inside = {path.stat().st_ino for path in files(cache)}
    assert shared and set(shared) <= inside
    assert set(shared.values()) == {2}
    note = next(path for path in files(release.path) if path.name == "words.py")
    # hard links work here: an environment costs its disk space once
    assert note.stat().st_ino in inside


def test_bytecode_is_written_once_and_for_all(site: Site) -> None:
    commands.setup_conda(site)
    release = only(site)
    assert not list(release.path.rglob("hello*.pyc"))
    assert compile_all(release) > 100
    (compiled,) = release.path.rglob("hello*.pyc")
    before = compiled.stat().st_mtime_ns
    subprocess.run([release.python, "-c", "import hello"], check=True, timeout=300)
    assert compiled.stat().st_mtime_ns == before


def test_bytecode_of_the_same_sources_is_taken_from_the_release_before(site: Site) -> None:
    commands.setup_conda(site)
    first = only(site)
    second = releases.Release(first.path.with_name("second"), first.facts, False)
    subprocess.run(["cp", "--archive", "--link", first.path, second.path], check=True, timeout=300)
    [changed] = second.path.rglob("stone.py")
    changed.unlink()
    changed.write_text("AGE = 'new'\n")
    count = compile_all(first)
    assert compile_all(second, first) == count
    for name, same in (("hello", True), ("stone", False)):
        [ours], [theirs] = (list(release.path.rglob(f"{name}*.pyc")) for release in (second, first))
        assert ours.samefile(theirs) is same
    program = (
        "import hello, stone; print(hello.__loader__.get_code('hello').co_filename, stone.AGE)"
    )
    said = subprocess.run(
        [second.python, "-c", program], check=True, capture_output=True, text=True, timeout=300
    ).stdout
    assert said.split() == [str(next(second.path.rglob("hello*.py"))), "new"]
    first.facts["packages"] = [{**package, "build": "other"} for package in first.facts["packages"]]
    other = releases.Release(first.path, first.facts, True)
    assert compile_all(second, other) == count, "another Python compiles for itself"


def test_the_second_time_there_is_nothing_to_do(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.setup_conda(site)
    state = {path: path.stat().st_mtime_ns for path in files(site.releases)}
    capsys.readouterr()
    assert commands.setup_conda(site) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in files(site.releases)} == state


def test_an_interrupted_build_is_seen_and_finished(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed with SIGKILL while packages are being linked; then the same command again."""
    file = site.paths.prefix.parent / "site.yml"
    environment = {**os.environ, "PYTHONPATH": str(parts.TOP / "scripts")}
    argv = [sys.executable, SET_UP, file, *WANTED.conda]
    alone = {"start_new_session": True, "stdout": subprocess.DEVNULL}
    for _ in range(20):
        started = subprocess.Popen(argv, env=environment, **alone)
        while started.poll() is None and not list(site.releases.glob("*/conda-meta")):
            time.sleep(0.002)
        with suppress(ProcessLookupError):  # it may have ended just now
            os.killpg(started.pid, signal.SIGKILL)
        parts.until_group_has_ended(started.pid)
        if started.wait() == -signal.SIGKILL and not only(site).installed:
            break
        shutil.rmtree(site.releases)  # the build was over before it could be killed
    broken = only(site)
    assert not broken.installed
    assert not broken.whole and not (broken.path / releases.WHOLE).exists()
    with pytest.raises(Problem, match="not there yet"):
        commands.install_all(site)
    assert commands.setup_conda(site) == 0
    assert "interrupted" in capsys.readouterr().out
    assert only(site).path == broken.path
    assert only(site).installed
    assert subprocess.run([broken.path / "bin/hello"], timeout=300).returncode == 0
    assert not site.current.exists()


def test_the_same_packages_need_no_second_release(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.setup_conda(site)
    monkeypatch.setattr(
        commands, "read_packages", lambda: Packages(("python", "hello", "stone-age", "words"), ())
    )
    commands.setup_conda(site)
    assert len(only(site).facts["inputs"]) == 2


def test_other_packages_are_a_second_release_beside_the_first(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.setup_conda(site)
    monkeypatch.setattr(commands, "read_packages", lambda: Packages(("python", "words"), ()))
    commands.setup_conda(site)
    assert len(releases.releases(site)) == 2
    assert all(release.installed for release in releases.releases(site))


def test_packages_that_do_not_fit_are_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "read_packages", lambda: Packages(("python", "hello 7.*"), ()))
    with pytest.raises(Problem, match="hello"):
        commands.setup_conda(site)
    assert releases.releases(site) == []


def test_a_corrupted_package_is_refused(site: Site, channel: Path, tmp_path: Path) -> None:
    broken = tmp_path / "channel"
    shutil.copytree(channel, broken)
    file = broken / "noarch/words-1.0-pypi_py_0.conda"
    file.write_bytes(file.read_bytes()[:-1] + b"?")  # still a valid archive, with the same files
    elsewhere = parts.site_at(tmp_path, broken)
    with pytest.raises(Problem, match="hash"):
        commands.setup_conda(elsewhere)
    assert not only(elsewhere).installed


def test_a_record_that_cannot_be_read_is_told(site: Site) -> None:
    commands.setup_conda(site)
    record = next((only(site).path / "conda-meta").glob("words-*.json"))
    record.unlink()
    record.write_text("{")
    with pytest.raises(Problem, match=r"words-1\.0"):
        ask_child_process(ENGINE, {"verb": "records", "prefix": str(only(site).path)}, timeout=300)
