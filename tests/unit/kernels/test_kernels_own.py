"""sitekit-kernel, run as a user does: kernels of one's own, with the site's launcher and the site's
test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import kernel_site
import pytest
from kernel_site import KernelSite

from sitekit.kernels.personal.cli import main
from sitekit.kernels.trials.try_kernels import SMOKE

SITES = "the title of a kernel of the site"


@pytest.fixture(scope="module")
def site(hub_environment: None) -> Iterator[KernelSite]:
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        site.python_module("python/3.11")
        site.python_module("bare/1.0", ipykernel=False)
        site.module("gcc/12.2", 'setenv("GCC", "12.2")\n')
        site.module("broken/1.0", 'LmodError("its licence has run out")\n')
        assert site.make() == 0
        yield site


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class Run:
    """sitekit-kernel in this home: its exit code, and what it has printed."""

    def __init__(self, site: KernelSite, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.site, self.home, self.capsys = site, home, capsys

    def __call__(self, *words: str) -> tuple[int, str]:
        code = main(list(words), self.site.site.paths.prefix, self.home)
        return code, "".join(self.capsys.readouterr())

    def folder(self, name: str) -> Path:
        return self.home / ".local/share/jupyter/kernels" / name


@pytest.fixture
def run(site: KernelSite, home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(site, home, capsys)


def started(site: KernelSite, folder: Path, code: str) -> dict:
    """Start it as Jupyter would, and run `code`."""
    argv = json.loads((folder / "kernel.json").read_text())["argv"]
    order = {
        "id": folder.name,
        "environment": "",
        "argv": [word.replace("{resource_dir}", str(folder)) for word in argv],
        "env": {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/nonexistent"},
        "home": str(folder),
        "code": [code],
        "timeout": 400,
    }
    python = site.site.current / "bin" / "python"
    told = json.dumps({"starts": [order]})
    done = subprocess.run(
        [python, "-I", SMOKE], input=told, capture_output=True, text=True, timeout=600
    )
    return json.loads(done.stdout)


def test_add_list_check_and_remove(site: KernelSite, run: Run) -> None:
    assert run("list") == (
        0,
        "You have no kernels of your own. `sitekit-kernel add --help` shows how to make one.\n",
    )
    code, said = run(
        "add", "--name", "My {Python}", "--module", "gcc/12.2", "--module", "python/3.11"
    )
    assert code == 0, said
    assert "1 of 1 work" in said and "'My {Python}' works (Python 3." in said
    folder = run.folder("my-my-python")
    spec = json.loads((folder / "kernel.json").read_text())
    assert spec["display_name"] == "My {Python}"
    assert spec["argv"][:2] == [
        f"{site.site.paths.prefix}/kernels/launch",
        "{resource_dir}/launch.json",
    ]
    told = started(site, folder, "import os; print(os.environ['GCC'], os.environ['LOADEDMODULES'])")
    assert told["printed"] == ["12.2 gcc/12.2:python/3.11\n"]
    code, said = run("list")
    assert code == 0 and "My {Python}" in said and str(folder) in said
    assert run("check", "My {Python}")[0] == 0
    assert run("remove", "my-my-python") == (0, "'My {Python}' is removed.\n")
    assert not folder.exists()


def test_one_whose_software_vanishes_says_so(site: KernelSite, run: Run) -> None:
    site.python_module("old/1.0")
    assert run("add", "--name", "Old", "--module", "old/1.0")[0] == 0
    shutil.rmtree(site.software / "old-1.0")
    (site.modules / "old/1.0.lua").unlink()
    reason = started(site, run.folder("my-old"), "1")["reason"]
    assert (
        "The kernel 'Old' could not start." in reason and "`module load old/1.0` failed" in reason
    )
    assert "sitekit-kernel check my-old" in reason
    code, said = run("check", "Old")
    assert code == 1 and "`module load old/1.0` failed" in said
    assert run("remove", "Old")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--name", "A", "--module", "bare/1.0"], 1, "no working ipykernel"),
        (["--name", "A", "--module", "gcc/12.2"], 1, "its modules bring no python"),
        (["--name", "A", "--module", "broken/1.0"], 1, "its licence has run out"),
        (["--name", "A", "--module", "absent/1.0"], 1, "`module load absent/1.0` failed"),
        (["--name", "A", "--module=-a"], 2, "is not a module's full name"),
        (["--name", "A", "--module", "x;touch y"], 2, "is not a module's full name"),
        (["--name", "A", "--venv", "/usr"], 2, "/usr is no virtual environment"),
        (["--name", "A", "--conda", "/usr"], 2, "/usr is no conda environment"),
        (["--name", "A", "--conda", "fish"], 2, "give its path; conda knows none of yours"),
        (["--name", "A"], 2, "no module or environment is named"),
        (["--name", "", "--module", "gcc/12.2"], 2, "is no name for a kernel"),
        (["--name", "a\nb", "--module", "gcc/12.2"], 2, "is no name for a kernel"),
        (["--name", "蛇", "--module", "gcc/12.2"], 2, "has no letter a-z"),
        (["--name", SITES, "--module", "python/3.11"], 2, "is a kernel of this site"),
    ],
)
def test_what_cannot_work_or_may_not_be_is_refused_and_leaves_nothing(
    run: Run, words: list[str], code: int, told: str
) -> None:
    of_the_site = json.loads((run.site.published / "python-3.11/kernel.json").read_text())[
        "display_name"
    ]
    ended, said = run("add", *(of_the_site.upper() if word == SITES else word for word in words))
    assert (ended, told in said) == (code, True), said
    assert not list(run.home.rglob("*.json"))


def test_a_virtual_environment(site: KernelSite, run: Run) -> None:
    """One made with a module's Python needs that module; the environment comes first all the same."""
    place = site.python("thesis")
    assert run("add", "--name", "Thesis", "--venv", str(place), "--module", "python/3.11")[0] == 0
    told = started(
        site,
        run.folder("my-thesis"),
        "import os, sys; print(sys.prefix, os.environ['LOADEDMODULES'])",
    )
    assert told["printed"] == [f"{place} python/3.11\n"]
    shutil.rmtree(place)
    reason = started(site, run.folder("my-thesis"), "1")["reason"]
    assert "The software behind this kernel has changed since it was tested." in reason
    bare = site.python("bare", ipykernel=False)
    code, said = run("add", "--name", "Bare", "--venv", str(bare))
    assert code == 1 and f"install it: {bare}/bin/python -m pip install ipykernel" in said


def test_a_conda_environment_by_path_and_by_name(site: KernelSite, run: Run) -> None:
    place = site.python("fish")
    (place / "conda-meta").mkdir()
    assert run("add", "--name", "By path", "--conda", str(place))[0] == 0
    assert run("add", "--name", "By name", "--conda", "fish")[0] == 2
    (run.home / ".conda").mkdir()
    (run.home / ".conda" / "environments.txt").write_text(f"{place}\n/gone\n")
    assert run("add", "--name", "By name", "--conda", "fish")[0] == 0
    told = started(
        site,
        run.folder("my-by-name"),
        "import os, sys; print(sys.prefix, os.environ['CONDA_PREFIX'])",
    )
    assert told["printed"] == [f"{place} {place}\n"]
    assert "conda knows fish" in run("add", "--name", "Other", "--conda", "cat")[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a home that is full")
def test_on_a_full_home_it_is_all_or_nothing(run: Run) -> None:
    run.home.mkdir()
    # room for the folders and for some of the kernel's files, and not for all
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20k", "tmpfs", run.home], check=True)
    try:
        code, said = run("add", "--name", "Mine", "--module", "python/3.11")
        left = [path for path in run.home.rglob("*") if path.is_file()]
    finally:
        subprocess.run(["umount", run.home], check=True)
    assert (code, left) == (1, []) and "No space left on device" in said, said


def test_a_module_without_a_version_is_lmods_default(site: KernelSite, run: Run) -> None:
    assert run("add", "--name", "Plain", "--module", "python")[0] == 0
    told = started(site, run.folder("my-plain"), "import os; print(os.environ['LOADEDMODULES'])")
    assert told["printed"] == ["python/3.11\n"]


def test_a_name_is_taken_once(run: Run) -> None:
    assert run("add", "--name", "Mine", "--module", "python/3.11")[0] == 0
    code, said = run("add", "--name", "mine", "--module", "python/3.11")
    assert code == 2 and "you have a kernel 'mine' already" in said
    assert "you have no kernel 'Other'" in run("remove", "Other")[1]
    assert "name one of: 'Mine'" in run("remove", "Other")[1]


def test_one_that_another_sitekit_has_made_is_listed_and_can_be_removed(run: Run) -> None:
    assert run("add", "--name", "Mine", "--module", "python/3.11")[0] == 0
    mark = run.folder("my-mine") / "own.json"
    told = json.loads(mark.read_text())
    del told["kernel"]["expect"]
    mark.write_text(json.dumps(told))
    assert "made by another sitekit" in run("list")[1]
    code, said = run("check", "Mine")
    assert code == 1 and "sitekit-kernel add --name Mine --module python/3.11" in said
    assert run("remove", "Mine")[0] == 0 and not mark.exists()


def test_other_kernels_of_the_user_are_left_alone(run: Run) -> None:
    theirs = run.folder("my-ipython")
    theirs.mkdir(parents=True)
    (theirs / "kernel.json").write_text("{}")
    assert run("remove", "my-ipython")[0] == 2
    assert run("add", "--name", "ipython", "--module", "python/3.11")[0] == 2
    assert (theirs / "kernel.json").read_text() == "{}"


def test_a_site_without_kernels_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["add", "--name", "A", "--module", "a/1"], tmp_path, tmp_path) == 1
    assert "has not published any kernels yet" in capsys.readouterr().err


def test_wrong_words_are_refused(run: Run) -> None:
    for words in (
        [],
        ["add"],
        ["add", "--name", "A", "--conda", "x", "--venv", "y"],
        ["check"],
        ["bake"],
    ):
        with pytest.raises(SystemExit) as refused:
            run(*words)
        assert refused.value.code == 2
