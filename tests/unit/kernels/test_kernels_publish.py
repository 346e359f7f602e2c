"""`make kernels` with real modules, Lmod and kernels: what is offered, what is not, what a reader
sees meanwhile."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import kernel_site
import pytest
from kernel_site import KernelSite
from tests.processes import words_of
from tests.slurm import until

from sitekit.base.errors import Problem
from sitekit.kernels.generations import generation
from sitekit.kernels.generations.generation_record import Record, read_record, write_record
from sitekit.kernels.trials.try_kernels import SMOKE, Trial, start_and_compare

TALK = Path(__file__).parent / "programs" / "talk.py"


@pytest.fixture(scope="module")
def base(hub_environment: None) -> Iterator[KernelSite]:
    """One published site for the tests that only look, or that undo what they do."""
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        site.python_module("python/3.99")
        site.python_module("old/1.0", ipykernel=False)
        place = site.python_module("lost/1.0").parents[1]
        site.module(
            "broken/1.0", f'prepend_path("PATH", "{place}/bin")\ndepends_on("nothere/1.0")\n'
        )
        site.module("syntax/python/1.0", "this is not Lua\n")
        site.module("tools/1.0", 'setenv("TOOLS", "1")\n')
        site.module("gcc/12", f'prepend_path("MODULEPATH", "{root}/gcc")\n')
        site.python_module("deep/2.0", tree=root / "gcc")
        if kernel_site.HAS_R:
            (site.software / "r" / "bin").mkdir(parents=True)
            (site.software / "r" / "bin" / "R").symlink_to("/usr/bin/R")
            site.module("r/4.2", f'prepend_path("PATH", "{site.software}/r/bin")\n')
        previous = os.umask(0o077)
        try:
            assert site.make() == 0
        finally:
            os.umask(previous)
        yield site


def test_working_modules_are_offered_and_others_are_not(base: KernelSite) -> None:
    offered = {"python-3.99", "lost-1.0", "deep-2.0"} | ({"r-4.2"} if kernel_site.HAS_R else set())
    assert set(base.names()) == offered


def test_the_spec_is_envkernels_with_our_launcher(base: KernelSite) -> None:
    spec = json.loads((base.published / "python-3.99" / "kernel.json").read_text())
    launch = base.site.paths.prefix / "kernels" / "launch"
    assert spec["argv"] == [str(launch), "python-3.99", "-f", "{connection_file}"]
    assert spec["display_name"].startswith("Python 3.") and spec["language"] == "python"
    asked = [
        base.site.current / "bin" / "python",
        "-I",
        "-c",
        "import ipykernel.kernelspec as k, json; print(json.dumps(k.get_kernel_dict()))",
    ]
    own = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    assert spec["metadata"] == own["metadata"]
    assert (base.published / "python-3.99" / "logo-64x64.png").exists()


def test_an_ipykernel_of_a_known_version_is_found_without_importing_it(base: KernelSite) -> None:
    def probe(*known: str) -> dict:
        python = base.software / "python-3.99" / "bin" / "python"
        done = subprocess.run(
            [python, SMOKE.with_name("probe_python.py"), *known], capture_output=True, check=True
        )
        return json.loads(done.stdout)

    whole = probe()
    quick = probe(whole["kernel"])
    assert "spec" not in quick and quick == {
        name: told for name, told in whole.items() if name != "spec"
    }
    assert probe("0.1") == whole


def test_the_hierarchy_is_loaded(base: KernelSite) -> None:
    told = json.loads((base.published / "deep-2.0" / "launch.json").read_text())
    assert told["modules"] == ["gcc/12", "deep/2.0"]


def test_everybody_can_read_it_and_only_the_owner_write_whatever_the_umask(
    base: KernelSite,
) -> None:
    for folder, _, files in os.walk(base.site.kernels_current.resolve()):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o755
        for name in files:
            mode = 0o755 if name == "launch" else 0o644
            assert stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) == mode


def test_nothing_changed_means_nothing_started_and_nothing_switched(
    base: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    before = base.generations()
    assert base.make() == 0
    said = capsys.readouterr().out
    assert "Starting each kernel" not in said and "Nothing has changed" in said
    assert base.generations() == before


def test_the_table_says_why_the_broken_ones_are_not_there(
    base: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    base.make()
    said = capsys.readouterr().out
    assert "nothere/1.0" in said and "syntax/python/1.0" in said and "no working ipykernel" in said
    assert "tools/1.0" not in said


def test_a_diff_publishes_nothing(base: KernelSite, capsys: pytest.CaptureFixture[str]) -> None:
    before = base.generations(), base.names()
    base.rules.write_text("kernels:\n  - {match: python/3.99, name: 'My {version}'}\n")
    try:
        assert base.make(switch=False) == 0
    finally:
        base.rules.write_text("# no opinions\n")
    assert "changed" in capsys.readouterr().out
    assert (base.generations(), base.names()) == before


def test_what_is_named_and_fails_ends_with_1_and_stays_as_it_was(base: KernelSite) -> None:
    base.rules.write_text("kernels:\n  - {match: lost/1.0, check: 'import no_such_module_here'}\n")
    try:
        assert base.make() == 1
        assert "lost-1.0" in base.names()
    finally:
        base.rules.write_text("# no opinions\n")


def test_what_is_named_and_is_broken_ends_with_1(base: KernelSite) -> None:
    base.rules.write_text("kernels:\n  - {match: broken/1.0}\n")
    try:
        assert base.make(switch=False) == 1
    finally:
        base.rules.write_text("# no opinions\n")


def test_a_concurrent_run_is_refused(base: KernelSite) -> None:
    with generation.lock(base.site), pytest.raises(Problem, match="under way"):
        base.make()


def test_a_writable_modulefile_is_refused_and_nothing_changes(base: KernelSite) -> None:
    file = base.modules / "tools" / "1.0.lua"
    before = base.generations()
    file.chmod(0o666)
    try:
        with pytest.raises(Problem, match=r"tools/1\.0\.lua can be written by everybody"):
            base.make()
    finally:
        file.chmod(0o644)
    assert base.generations() == before


def test_a_vanished_module_becomes_a_tombstone_and_then_goes(base: KernelSite) -> None:
    (base.modules / "lost" / "1.0.lua").unlink()
    kernel = read_record(base.site.kernels_current.resolve()).kernels["lost-1.0"]
    user = "nobody" if os.geteuid() == 0 else None
    why = start_and_compare(
        base.site, base.site.kernels_current.resolve(), [kernel], Trial(user, 300)
    )["lost-1.0"]
    assert (
        "could not start" in why and "`module load lost/1.0` failed" in why and "What to do" in why
    )
    assert base.make() == 0
    assert "lost-1.0" not in base.names() and "python-3.99" in base.names()
    # A server that still shows it: its next start finds no instructions, and says so.
    assert "no longer offered" in answer(base, "lost-1.0")["reason"]


def answer(site: KernelSite, name: str) -> dict:
    """What comes of a start through the published launcher, as a server does it."""
    argv = [str(site.site.paths.prefix / "kernels" / "launch"), name, "-f", "{connection_file}"]
    home = site.root / "empty"
    home.mkdir(exist_ok=True)
    start = {
        "id": name,
        "environment": "clean",
        "argv": argv,
        "env": {},
        "home": str(home),
        "code": [],
        "timeout": 300,
    }
    order = json.dumps({"parallel": 1, "starts": [start]})
    python = site.site.current / "bin" / "python"
    done = subprocess.run(
        [python, "-I", SMOKE], input=order, capture_output=True, text=True, timeout=600
    )
    return json.loads(done.stdout)


def test_a_reader_during_publications_sees_whole_specs_only(base: KernelSite) -> None:
    kernels = list(read_record(base.site.kernels_current.resolve()).kernels.values())
    assert kernels
    # Two generations with other titles, published in turn.
    made = []
    for title in ("one", "two"):
        made.append(new := generation.begin(base.site))
        generation.write_specs(base.site, new, [kernel.titled(title) for kernel in kernels])
        write_record(new, Record({kernel.id: kernel for kernel in kernels}, complete=True))
        generation.fix_modes(new)
    reads, torn, stop = [0], [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                for name in [kernel.id for kernel in kernels]:
                    spec = json.loads((base.published / name / "kernel.json").read_text())
                    assert spec["display_name"]
                    reads[0] += 1
            except (OSError, ValueError, AssertionError) as error:
                torn.append(error)

    reader = threading.Thread(target=read)
    generation.publish(base.site, made[0])
    reader.start()
    try:
        for number in range(50):
            generation.publish(base.site, made[number % 2])
            seen = reads[0]
            while reads[0] == seen and not torn:
                time.sleep(0.001)
    finally:
        stop.set()
        reader.join()
    assert not torn and reads[0] >= 50


def test_only_our_own_generations_are_pruned(base: KernelSite) -> None:
    folder = generation.root(base.site) / "generations"
    (folder / "somebody-elses").mkdir()
    unfinished = generation.begin(base.site).name
    for _ in range(4):
        new = generation.begin(base.site)
        write_record(new, Record(complete=True))
    generation.publish(base.site, new)
    gone = generation.remove_old_generations(base.site)
    assert unfinished in gone and new.name not in gone
    assert "somebody-elses" in base.generations() and len(base.generations()) == 1 + generation.KEPT


def test_an_interrupted_start_leaves_no_kernel_behind(base: KernelSite, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    seconds = f"321.{os.getpid()}"  # no other process sleeps so long
    slow.write_text(f"#!/bin/sh\ntrap '' TERM\nexec sleep {seconds}\n")
    slow.chmod(0o755)
    (tmp_path / "home").mkdir()
    start = {
        "id": "slow",
        "environment": "clean",
        "argv": [str(slow)],
        "env": {},
        "home": str(tmp_path / "home"),
    }
    order = json.dumps({"parallel": 1, "starts": [{**start, "code": [], "timeout": 300}]})
    child = subprocess.Popen(
        [base.site.current / "bin" / "python", "-I", SMOKE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    child.stdin.write(order.encode())
    child.stdin.close()
    until(lambda: sleeping(seconds), 180, every=0.05)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGINT)  # from the terminal, and from the parent
    child.wait(120)
    child.stdout.close()
    until(lambda: not sleeping(seconds), 120, every=0.05)


def sleeping(seconds: str) -> bool:
    return any(words_of(place)[:2] == ["sleep", seconds] for place in Path("/proc").glob("[0-9]*"))


def test_a_tombstone_answers_each_cell_stays_and_can_be_shut_down(base: KernelSite) -> None:
    """Three, one after another: a shutdown used to hang one time in ten."""
    launch = base.site.paths.prefix / "kernels" / "launch"
    argv = [base.site.current / "bin" / "python", "-I", TALK, launch, "no-such-kernel"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=900, check=True)
    kernels = json.loads(done.stdout.strip().splitlines()[-1])
    assert [(kernel["alive"], kernel["code"]) for kernel in kernels] == [(True, 0)] * 3
    for answer in (answer for kernel in kernels for answer in kernel["answers"]):
        assert answer["status"] == "error" and answer["ename"] == "KernelCannotStart"
        assert "no longer offered here" in "\n".join(answer["traceback"])
