"""The users' environments that break kernels elsewhere: each row starts published kernels through
their kernel.json."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import kernel_site
import pytest
from kernel_site import KernelSite

from sitekit.kernels.trials.try_kernels import ASK, SMOKE

INIT = f". {kernel_site.LMOD}/init/bash\n"
# What a login shell does before the server starts, after Lmod's own set-up. $T is the site, $HOME
# the user's home.
ROWS = {
    "clean": "",
    "no Lmod in the environment": "unset LMOD_PKG LMOD_DIR LMOD_CMD LMOD_ROOT MODULEPATH",
    "modules loaded at login": "module load gcc/12 other/1.0",
    "own modules of the same name": "module use $T/mine",
    "MODULEPATH replaced": "export MODULEPATH=$T/mine",
    "MODULEPATH unset": "unset MODULEPATH",
    "stale module table": "module use $T/mine; module load mine/1.0; export MODULEPATH=/nonexistent; unset PYTHONPATH",
    "a module sets PYTHONPATH": "module use --append $T/mine; module load mine/1.0",
    "PYTHONPATH": "export PYTHONPATH=$T/badlib",
    "PYTHONHOME": "export PYTHONHOME=/usr",
    "a broken ipykernel in ~/.local": "",
    "a sticky module that conflicts": "module load sticky/1.0",
    "~/.modulerc and default modules": "export LMOD_SYSTEM_DEFAULT_MODULES=other/1.0",
    "BASH_ENV": 'echo "exit 3" > $HOME/env; export BASH_ENV=$HOME/env ENV=$HOME/env',
    "exported functions": "lmod() { :; }; python() { echo wrong; }; export -f lmod python",
    "an active environment": "export PATH=$T/badlib:$PATH CONDA_PREFIX=$T VIRTUAL_ENV=$T",
    "LUA_INIT": "export LUA_INIT='os.exit(3)'",
    "LD_PRELOAD": "export LD_PRELOAD=/nonexistent.so LD_LIBRARY_PATH=$T/badlib",
}
KINDS = {"plain": ("python/3.99",), "user-site": ("conda/1.0",), "hierarchy": ("gcc/12", "mpi/3.1")}


@pytest.fixture(scope="module")
def site(hub_environment: None) -> Iterator[KernelSite]:
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        site.python_module("python/3.99")
        site.plain_python_module("conda/1.0")
        site.module("gcc/12", f'prepend_path("MODULEPATH", "{root}/gcc")\n')
        site.python_module("mpi/3.1", extra='setenv("MPI", "1")\n', tree=root / "gcc")
        site.module("other/1.0", 'setenv("OTHER", "1")\n')
        site.module(
            "sticky/1.0", 'add_property("lmod", "sticky")\nconflict("python", "conda", "gcc")\n'
        )
        assert site.make() == 0
        # The user's own: made after publication, outside the site's module tree.
        bad = root / "badlib"
        bad.mkdir()
        for name in ("zmq", "ipykernel", "traitlets", "json"):
            (bad / f"{name}.py").write_text("raise ImportError('hostile')\n")
        (bad / "python").write_text("#!/bin/sh\necho wrong\n")
        (bad / "python").chmod(0o755)
        for name in ("python/3.99", "conda/1.0", "gcc/12"):
            site.module(name, f'prepend_path("PATH", "{bad}")\n', tree=root / "mine")
        site.module("mine/1.0", f'prepend_path("PYTHONPATH", "{bad}")\n', tree=root / "mine")
        yield site


def test_the_published_kernels_are_those_of_the_matrix(site: KernelSite) -> None:
    assert site.names() == ["conda-1.0", "mpi-3.1", "python-3.99"]


@pytest.fixture(scope="module")
def results(site: KernelSite) -> dict[tuple[str, str], dict]:
    """All rows at once, two kernels to a core, as `make kernels` does it."""
    starts = [start for row in ROWS for start in starts_of(site, row)]
    order = json.dumps({"parallel": 2 * (os.cpu_count() or 1), "starts": starts})
    python = site.site.current / "bin" / "python"
    done = subprocess.run(
        [python, "-I", SMOKE], input=order, capture_output=True, text=True, timeout=1100
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(starts), done.stderr
    return {(result["environment"], result["id"]): result for result in told}


def starts_of(site: KernelSite, row: str) -> list[dict]:
    home = site.root / "homes" / "".join(c for c in row if c.isalnum())
    home.mkdir(parents=True)
    if "~/.local" in row:
        version = next((site.software / "python-3.99" / "lib").iterdir()).name
        broken = home / ".local" / "lib" / version / "site-packages" / "ipykernel"
        broken.mkdir(parents=True)
        (broken / "__init__.py").write_text("raise ImportError('hostile')\n")
    if "modulerc" in row:
        names = "hide-version python/3.99\nmodule-alias conda/1.0 other/1.0\nhide-version mpi/3.1\n"
        (home / ".modulerc").write_text("#%Module\n" + names)
    base = {
        "HOME": str(home),
        "T": str(site.root),
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }
    base["MODULEPATH"] = str(site.modules)
    script = (
        INIT + f"export MODULEPATH={site.modules}\n" + ROWS[row] + "\n/usr/bin/env -u LD_PRELOAD -0"
    )
    shell = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", script], env=base, capture_output=True, timeout=300
    )
    env = dict(item.split("=", 1) for item in shell.stdout.decode().split("\0") if "=" in item)
    assert env["HOME"] == str(home)
    if "LD_PRELOAD" in row:
        env["LD_PRELOAD"] = "/nonexistent.so"
    return [
        {
            "id": kind,
            "environment": row,
            "argv": json.loads((site.published / name / "kernel.json").read_text())["argv"],
            "env": env,
            "home": str(home),
            "code": [ASK["python"]],
            "timeout": 400,
        }
        for kind, name in (
            ("plain", "python-3.99"),
            ("user-site", "conda-1.0"),
            ("hierarchy", "mpi-3.1"),
        )
    ]


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_right_kernel_runs(
    site: KernelSite, results: dict[tuple[str, str], dict], row: str, kind: str
) -> None:
    result = results[row, kind]
    assert "reason" not in result, result["reason"]
    _, interpreter, library, modules = result["printed"][0].strip().split("\t")
    folder = KINDS[kind][-1].replace("/", "-")
    assert interpreter == str(site.software / folder / "bin" / "python")
    assert modules == ":".join(KINDS[kind])
    assert ".local" not in library and "badlib" not in library


def test_the_broken_ipykernel_is_one_that_would_be_taken(
    site: KernelSite, results: dict[tuple[str, str], dict]
) -> None:
    home = site.root / "homes" / "abrokenipykernelinlocal"
    python = site.software / "conda-1.0" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", "import ipykernel"], env={"HOME": str(home)}, capture_output=True, text=True
    )
    assert "ImportError: hostile" in done.stderr
