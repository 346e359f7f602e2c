"""Small parts of the demo: pins, passwords, packages, reset, and two pieces of work at once."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from sitekit.base.errors import Problem
from sitekit.demo import remove_demo, run_in_thread
from sitekit.demo.cluster import cluster_daemons, paths_and_ports
from sitekit.demo.cluster import demo_users as users
from sitekit.demo.cluster.record_changes import Made
from sitekit.demo.run_in_thread import run_together
from sitekit.demo.software.apt_packages import missing_packages
from sitekit.demo.software.build_pythons import PINS, pins_for
from sitekit.machine.supervisors.service import supervisord_conf, systemd_unit

SITE = paths_and_ports.demo_site("supervisord")


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"])
def test_each_python_gets_one_pin_of_each_package(version: str) -> None:
    lines = [line for line in pins_for(PINS.read_text(), version).splitlines() if "==" in line]
    names = [Requirement(line.removesuffix(" \\")).name for line in lines]
    assert len(names) == len(set(names))
    assert {"ipykernel", "ipython", "jupyter-client", "pyzmq", "tornado", "traitlets"} <= set(names)
    assert not any(";" in line for line in lines)


def test_pins_follow_the_python_asked_for_and_keep_their_hashes() -> None:
    text = (
        "# a comment\n"
        "a==1 ; python_full_version < '3.9' \\\n    --hash=sha256:1\n"
        "a==2 ; python_full_version >= '3.9' \\\n    --hash=sha256:2\n"
    )
    assert pins_for(text, "3.8") == "a==1 \\\n    --hash=sha256:1\n"
    assert pins_for(text, "3.11") == "a==2 \\\n    --hash=sha256:2\n"


def test_passwords_are_made_once_and_for_root_only(tmp_path: Path) -> None:
    path = tmp_path / "passwords.json"
    umask = os.umask(0)
    try:
        first = users.ensure_passwords(path)
    finally:
        os.umask(umask)
    assert users.ensure_passwords(path) == first == json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(first) == set(paths_and_ports.USERS) and len(set(first.values())) == 3
    assert all(re.fullmatch(r"([a-z2-9]{4}-){2}[a-z2-9]{4}", word) for word in first.values())


@pytest.mark.skipif(not os.path.exists("/usr/bin/dpkg-query"), reason="needs dpkg")
def test_one_of_several_names_is_enough() -> None:
    assert missing_packages(["dpkg", ["no-such-package-1", "dpkg"]]) == []
    assert missing_packages(["no-such-package-1", "dpkg"]) == [["no-such-package-1"]]


def test_only_what_is_recorded_and_in_our_places_is_removed(tmp_path: Path) -> None:
    mine, kept, elsewhere = (tmp_path / name for name in ("modules", "software", "elsewhere"))
    for path in (mine, kept, elsewhere):
        path.mkdir()
        (path / "file").touch()
    made = Made(tmp_path / "made.json")
    made.claim("directories", mine, elsewhere)
    assert remove_demo.remove_directories(made, (mine, kept)) == [str(mine)]
    assert not mine.exists() and (kept / "file").exists() and (elsewhere / "file").exists()


def test_cgroups_go_from_the_leaves_and_busy_ones_are_told(tmp_path: Path) -> None:
    (tmp_path / "memory" / "slurm_demo1" / "uid_1" / "job_1").mkdir(parents=True)
    (tmp_path / "memory" / "slurm_other" / "uid_1").mkdir(parents=True)
    busy = tmp_path / "memory" / "slurm_demo2"
    (busy / "uid_1").mkdir(parents=True)
    (busy / "uid_1" / "file").touch()
    assert [path for path, _ in remove_demo.remove_cgroups(tmp_path)] == [busy / "uid_1", busy]
    assert sorted(path.name for path in (tmp_path / "memory").iterdir()) == [
        "slurm_demo2",
        "slurm_other",
    ]
    (tmp_path / "system.slice" / "demo3_slurmstepd.scope" / "system").mkdir(parents=True)
    (tmp_path / "system.slice" / "slurmstepd.scope").mkdir()
    assert len(list(remove_demo.remove_cgroups(tmp_path))) == 2
    assert [path.name for path in (tmp_path / "system.slice").iterdir()] == ["slurmstepd.scope"]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV])
def test_cgroups_that_go_by_themselves_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """systemd removes the cgroup of an empty scope at the same time: Linux then has no such device
    for who reads it."""
    (tmp_path / "system.slice" / "demo1_slurmstepd.scope" / "system").mkdir(parents=True)
    (tmp_path / "system.slice" / "demo2_slurmstepd.scope" / "user").mkdir(parents=True)
    read = os.scandir

    def gone(path: str) -> object:
        if str(path).endswith("demo1_slurmstepd.scope/system"):
            raise OSError(number, os.strerror(number))
        return read(path)

    def removed(path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "scandir", gone)
    monkeypatch.setattr(Path, "rmdir", removed)
    assert list(remove_demo.remove_cgroups(tmp_path)) == []


def test_both_works_are_done_and_the_background_in_turn() -> None:
    done, ready = [], threading.Event()
    run_together(
        lambda: ready.wait(120) and done.append("here"),
        [lambda: done.append(1), lambda: (done.append(2), ready.set())],
    )
    assert done == [1, 2, "here"]


def test_a_fault_in_the_background_leaves_the_other_work_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done, failed = [], threading.Event()

    def fail() -> None:
        failed.set()
        raise Problem("apt is broken")

    with pytest.raises(Problem, match="apt is broken"):
        run_together(
            lambda: failed.wait(120) and done.append("here"), [fail, lambda: done.append("never")]
        )
    assert done == ["here"]
    assert "!! apt is broken" in capsys.readouterr().out


def test_an_interruption_lets_the_part_end_and_begins_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done, begun, interrupted = [], threading.Event(), threading.Event()
    monkeypatch.setattr(run_in_thread, "say", lambda _: interrupted.set())

    def interrupt() -> None:
        begun.wait(120)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_together(
            interrupt,
            [
                lambda: (begun.set(), interrupted.wait(120), done.append("apt")),
                lambda: done.append("never"),
            ],
        )
    assert done == ["apt"]


HOLDER = Path(__file__).parent / "programs" / "hold_the_demo.py"


def test_two_commands_wait_for_each_other_and_leave_no_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    argv = [sys.executable, HOLDER, path]
    start = partial(
        subprocess.Popen, argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    with start(env=environment) as first:
        assert first.stdout.readline() == "mine\n"
        with start(env=environment) as second:
            assert f"(process {first.pid}); waiting" in second.stdout.readline()
            first.stdin.close()
            assert second.stdout.readline() == "mine\n"
            assert path.read_text() == f"{second.pid}\n"
            second.stdin.close()
    assert first.returncode == second.returncode == 0
    assert not path.exists()


def test_services_start_after_those_that_they_need_and_never_use_the_network() -> None:
    daemons = [*cluster_daemons.accounting(SITE), *cluster_daemons.scheduling(SITE)]
    names = [service.name for service in daemons]
    for position, service in enumerate(daemons):
        assert set(service.after) <= set(names[:position])
    database = next(service for service in daemons if service.name.endswith("-database"))
    assert "--skip-networking" in database.command and "--no-defaults" in database.command
    users = {service.name.removeprefix("sitekit-demo-"): service.user for service in daemons}
    assert users == {
        "munge": "munge",
        "database": "slurm",
        "slurmdbd": "slurm",
        "slurmctld": "slurm",
    } | {f"slurmd-{node}": "root" for node in paths_and_ports.NODES}


def test_every_service_renders_for_both_supervisors(tmp_path: Path) -> None:
    daemons = [*cluster_daemons.accounting(SITE), *cluster_daemons.scheduling(SITE)]
    text = supervisord_conf(daemons, socket=tmp_path / "sock", log=tmp_path)
    assert [name for name in re.findall(r"\[program:(.*)\]", text)] == [
        service.name for service in daemons
    ]
    units = {service.name: systemd_unit(service) for service in daemons}
    assert all(("Delegate=yes" in unit) == ("slurmd-" in name) for name, unit in units.items())


@pytest.mark.skipif(not os.path.exists("/usr/bin/systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    daemons = [*cluster_daemons.accounting(SITE), *cluster_daemons.scheduling(SITE)]
    for service in daemons:
        if not os.path.exists(service.command[0]):
            pytest.skip(f"needs {service.command[0]}: the demo's packages")
    units = [tmp_path / f"{service.name}.service" for service in daemons]
    for path, service in zip(units, daemons, strict=True):
        path.write_text(systemd_unit(service))
    said = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=300
    )
    ours = [line for line in (said.stdout + said.stderr).splitlines() if "sitekit-demo" in line]
    assert (said.returncode, ours) == (0, [])
