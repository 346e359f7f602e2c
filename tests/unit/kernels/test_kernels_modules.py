"""Modules of every sort: Tcl, hidden, sticky, slow, renamed, without an interpreter; and what is
tested again when."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import kernel_site
import pytest
from kernel_site import KernelSite

from sitekit.base.errors import Problem
from sitekit.kernels.generations import generation
from sitekit.kernels.trials.import_launch_program import launcher


@pytest.fixture(scope="module")
def site(hub_environment: None) -> Iterator[KernelSite]:
    """Three kernels that work, each with an interpreter and an ipykernel of its own, and modules
    around them."""
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        for name in ("python/3.99", "lab/1.0"):
            make_its_own(site.python_module(name).parents[1])
        site.module("sticky/1.0", 'add_property("lmod", "sticky")\n')
        site.module("lib/1.0", 'setenv("LIB", "1")\ndepends_on("python/3.99")\n')
        site.module("gcc/12", f'prepend_path("MODULEPATH", "{root}/gcc")\n')
        site.python_module("deep/2.0", tree=root / "gcc")
        assert site.make() == 0
        assert site.names() == ["deep-2.0", "lab-1.0", "python-3.99"]
        yield site


@pytest.fixture
def rules(site: KernelSite) -> Iterator[Callable[..., None]]:
    """Writes kernels.yml; afterwards the site is as it was."""
    write = site.rules.write_text
    yield lambda *entries, more="": write(f"kernels: {json.dumps(entries)}\n{more}")
    site.rules.write_text("# no opinions\n")
    assert site.make() == 0 and site.names() == ["deep-2.0", "lab-1.0", "python-3.99"]


def make_its_own(place: Path) -> None:
    """Give an interpreter a program and an ipykernel that no other has."""
    program = place / "bin" / "python"
    real = program.resolve()
    program.unlink()
    shutil.copy2(real, program)
    packages = next(place.glob("lib/python3*/site-packages"))
    ask = [place / "bin" / "python", "-c", "import ipykernel; print(ipykernel.__path__[0])"]
    shown = subprocess.run(ask, check=True, capture_output=True, text=True, timeout=300)
    shutil.copytree(shown.stdout.strip(), packages / "ipykernel")


def titles(site: KernelSite) -> dict[str, str]:
    return {
        name: json.loads((site.published / name / "kernel.json").read_text())["display_name"]
        for name in site.names()
    }


def retested(site: KernelSite, capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, str]:
    """What `make kernels` says of each kernel but that it is unchanged."""
    capsys.readouterr()
    assert site.make() == code
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    return {
        row[1]: row[0]
        for row in rows
        if row[0] in ("added", "changed", "removed", "kept", "FAILED")
    }


# --- Sorts of modules ---


def test_a_tcl_module(site: KernelSite, rules: Callable[..., None]) -> None:
    file = site.modules / "tcl" / "1.0"
    file.parent.mkdir()
    file.write_text(
        f"#%Module1.0\nprepend-path PATH {site.software}/lab-1.0/bin\nsetenv TCL_MODULE 1\n"
    )
    rules({"match": "tcl/1.0", "check": "import os; os.environ['TCL_MODULE']"})
    try:
        assert site.make() == 0 and "tcl-1.0" in site.names()
    finally:
        shutil.rmtree(file.parent)


def test_a_sticky_module_before_the_one_with_the_interpreter(
    site: KernelSite, rules: Callable[..., None]
) -> None:
    rules({"modules": ["sticky/1.0", "lab/1.0"], "id": "stuck"})
    assert site.make() == 0 and "stuck" in site.names()


def test_a_hidden_module_has_to_be_named_in_full(
    site: KernelSite, rules: Callable[..., None]
) -> None:
    site.module("python/.4.0", (site.modules / "python" / "3.99.lua").read_text())
    try:
        assert site.make() == 0 and "python-.4.0" not in site.names()
        rules({"match": "python/.4.0", "id": "next"})
        assert site.make() == 0 and "next" in site.names()
    finally:
        (site.modules / "python" / ".4.0.lua").unlink()


def test_a_module_whose_interpreter_comes_from_another(
    site: KernelSite, rules: Callable[..., None]
) -> None:
    """Nothing on its own PATH, so it is not discovered; a rule makes it one."""
    rules({"match": "lib/*", "name": "Library", "check": "import os; os.environ['LIB']"})
    assert site.make() == 0 and titles(site)["lib-1.0"] == "Library"


def test_a_module_that_brings_no_interpreter_at_all(
    site: KernelSite, rules: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    rules({"match": "sticky/1.0"})
    assert site.make(switch=False) == 1
    assert "its modules bring no python or python3" in capsys.readouterr().out


def test_a_module_that_is_slow_to_load_fails_in_its_time(
    site: KernelSite,
    rules: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (site.modules / "lab" / "1.0.lua").read_text()
    file = site.module("slow/1.0", 'if (mode() == "load") then capture("sleep 20") end\n' + text)
    monkeypatch.setattr(launcher(), "LOAD_SECONDS", 1)
    try:
        rules({"match": "slow/1.0"})
        assert site.make(switch=False) == 1
        assert "Lmod did not answer to `module load slow/1.0`" in capsys.readouterr().out
    finally:
        file.unlink()


def test_a_kernel_that_is_slow_to_answer_fails_in_its_time(
    site: KernelSite, rules: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    for seconds in (3, 30, 120):  # the interpreter too has to answer within this time
        rules(
            {"match": "lab/1.0", "id": "idle", "check": "import time; time.sleep(600)"},
            more=f"start_timeout: {seconds}s",
        )
        assert site.make(switch=False) == 1
        told = capsys.readouterr().out
        if "no answer within" in told:
            break
    assert f"no answer within {seconds} s" in told


# --- Which stay, which go ---


def test_a_renamed_module_goes_and_comes(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    file = site.modules / "lab" / "1.0.lua"
    new = file.rename(file.with_name("1.1.lua"))
    try:
        assert retested(site, capsys) == {"lab-1.0": "removed", "lab-1.1": "added"}
    finally:
        new.rename(file)
    assert retested(site, capsys) == {"lab-1.1": "removed", "lab-1.0": "added"}


def test_one_that_is_named_and_renamed_ends_with_1(
    site: KernelSite, rules: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    rules({"match": "lab/1.0"})
    site.make()
    file = site.modules / "lab" / "1.0.lua"
    new = file.rename(file.with_name("1.1.lua"))
    try:
        assert site.make() == 1
        assert "FAILED lab/1.0 no module fits; did you mean" in " ".join(
            capsys.readouterr().out.split()
        )
        assert "lab-1.0" not in site.names()
    finally:
        new.rename(file)


def test_one_that_is_named_and_breaks_is_hidden_as_it_would_start_no_more(
    site: KernelSite, rules: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    rules({"match": "lab/1.0"})
    site.make()
    file = site.modules / "lab" / "1.0.lua"
    text = file.read_text()
    file.write_text(text + 'LmodError("the licence has run out")\n')
    try:
        assert site.make() == 1
        said = capsys.readouterr().out
        assert "the licence has run out" in said and "hidden until it works" in said
        assert generation.showing(site.site.kernels_current, "lab-1.0") == "hide"
    finally:
        file.write_text(text)


# --- The cache of probes ---


def touch(path: Path) -> None:
    seconds = path.stat().st_mtime + 1
    os.utime(path, (seconds, seconds))


CHANGES = {
    "its module file": lambda site: touch(site.modules / "lab" / "1.0.lua"),
    "its interpreter": lambda site: touch(site.software / "lab-1.0" / "bin" / "python"),
    "its ipykernel": lambda site: touch(ipykernel(site)),
    "its packages": lambda site: touch(ipykernel(site).parents[1]),
}


def ipykernel(site: KernelSite) -> Path:
    return next(
        (site.software / "lab-1.0").glob("lib/python3*/site-packages/ipykernel/__init__.py")
    )


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_retests_that_kernel_only(
    site: KernelSite, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    site.make()
    CHANGES[what](site)
    assert retested(site, capsys) == {"lab-1.0": "changed"}


def test_a_change_of_its_parents_retests_that_kernel_only(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    touch(site.modules / "gcc" / "12.lua")
    assert retested(site, capsys) == {"deep-2.0": "changed"}
    newer = site.module("gcc/13", (site.modules / "gcc" / "12.lua").read_text())
    try:
        assert retested(site, capsys) == {"deep-2.0": "changed"}
        assert (
            json.loads((site.published / "deep-2.0" / "launch.json").read_text())["modules"][0]
            == "gcc/13"
        )
    finally:
        newer.unlink()
    assert retested(site, capsys) == {"deep-2.0": "changed"}


def test_a_change_of_its_rule_retests_that_kernel_only(
    site: KernelSite, rules: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    rules({"match": "lab/1.0", "environment": {"OMP_NUM_THREADS": "1"}})
    assert retested(site, capsys) == {"lab-1.0": "changed"}


# --- A large tree, and one that others can write ---


def test_of_a_thousand_modules_only_those_with_an_interpreter_are_loaded(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = site.modules / "app"
    for name in range(100):
        (tree / f"a{name}").mkdir(parents=True)
        for version in range(10):
            (tree / f"a{name}" / f"{version}.lua").write_text(
                f'setenv("A{name}", "{version}")\nprepend_path("PATH", "/no")\n'
            )
    site.module("app/z/1.0", (site.modules / "lab" / "1.0.lua").read_text())
    try:
        assert site.make() == 0
        said = capsys.readouterr().out
        assert "Reading the module tree: 1007 modules" in said and "1 of 1 have a kernel" in said
        assert site.names() == ["app-z-1.0", "deep-2.0", "lab-1.0", "python-3.99"]
    finally:
        shutil.rmtree(tree)
    assert site.make() == 0


@pytest.mark.parametrize("place", ["the module path", "a folder of modules", "the kernels"])
def test_what_a_group_can_write_is_refused(site: KernelSite, place: str) -> None:
    folder = {
        "the module path": site.modules,
        "a folder of modules": site.modules / "lab",
        "the kernels": site.site.kernels_current.parent / "generations",
    }[place]
    before = site.generations()
    os.chown(folder, -1, 1)
    folder.chmod(0o775)
    try:
        with pytest.raises(Problem, match=f"{folder} can be written by the group daemon"):
            site.make()
    finally:
        folder.chmod(0o755)
    assert site.generations() == before
