"""The kernels that run what their user has loaded in the session: how they are made, proven and
started."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import kernel_site
import pytest
from kernel_site import HAS_R, KernelSite

from sitekit.kernels.discovery.rules import Rules
from sitekit.kernels.trials.import_launch_program import launcher
from sitekit.kernels.trials.kernels_with_users_modules import inheriting
from sitekit.kernels.trials.try_kernels import ASK, SMOKE


@pytest.fixture(scope="module")
def site(hub_environment: None) -> Iterator[KernelSite]:
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        site.rules.write_text("inherit: [python, R]\n")
        for version in ("3.9", "3.10"):
            site.python_module(f"python/{version}")
        site.python_module("bare/1.0", ipykernel=False)
        site.module("tools/1.0", 'setenv("TOOLS", "1")\n')
        site.module("broken/1.0", 'LmodError("its licence has run out")\n')
        assert site.make() == 0
        yield site


def start(site: KernelSite, **loaded: str) -> dict[str, Any]:
    """Start the Python kernel in a session in which this is loaded; what came of it, by the
    pipeline's own program."""
    session = site.root / "session"
    session.mkdir(exist_ok=True)
    (session / launcher().LOADED).write_text(json.dumps(loaded))
    home = site.root / "home"
    home.mkdir(exist_ok=True)
    order = {
        "id": "loaded-python",
        "environment": "a session",
        "argv": json.loads((site.published / "loaded-python" / "kernel.json").read_text())["argv"],
        "env": {
            "PATH": "/usr/bin:/bin",
            "JUPYTER_RUNTIME_DIR": str(session),
            "TOOLS": "of the server",
        },
        "home": str(home),
        "code": [ASK["python"], "print(__import__('os').environ.get('TOOLS'))"],
        "timeout": 400,
    }
    python = site.site.current / "bin" / "python"
    told = json.dumps({"starts": [order]})
    done = subprocess.run(
        [python, "-I", SMOKE], input=told, capture_output=True, text=True, timeout=600
    )
    return json.loads(done.stdout)


def test_there_is_one_for_each_language_of_the_site(site: KernelSite) -> None:
    assert [name for name in site.names() if name.startswith("loaded")] == ["loaded-python"]
    spec = json.loads((site.published / "loaded-python" / "kernel.json").read_text())
    assert (spec["display_name"], spec["language"]) == (
        "Python with the modules you loaded",
        "python",
    )
    assert (site.published / "loaded-python" / "logo-svg.svg").exists()
    launch = json.loads((site.published / "loaded-python" / "launch.json").read_text())
    assert launch["inherit"]["known"] == ["python/3.10", "python/3.9"]
    assert Rules().inherit == ("python", "R")
    assert inheriting(["python", "R"], []) == []


def test_it_runs_what_is_loaded_and_nothing_else_of_the_session(site: KernelSite) -> None:
    for modules in (["python/3.9"], ["tools/1.0", "python/3.10"]):
        told = start(site, LOADEDMODULES=":".join(modules), PYTHONPATH="/nonexistent")
        assert "reason" not in told, told["reason"]
        assert told["modules"] == ":".join(modules)
        interpreter = site.software / modules[-1].replace("/", "-") / "bin" / "python"
        assert told["printed"][0].split("\t")[1] == str(interpreter)
        assert told["printed"][1].strip() == ("1" if "tools/1.0" in modules else "of the server")


@pytest.mark.parametrize(
    ("loaded", "why"),
    [
        ("", "This kernel runs what you have loaded, and no module is loaded."),
        ("tools/1.0", "No module that you have loaded brings python."),
        ("bare/1.0", "has no working ipykernel."),
    ],
)
def test_where_nothing_can_run_it_says_what_to_load(
    site: KernelSite, loaded: str, why: str
) -> None:
    reason = start(site, LOADEDMODULES=loaded)["reason"]
    assert why in reason
    assert "load python/3.10 or python/3.9 in the Software Modules tab" in reason


def test_a_loaded_module_that_has_broken_since_is_told(site: KernelSite) -> None:
    reason = start(site, LOADEDMODULES="broken/1.0")["reason"]
    assert "`module load broken/1.0` failed" in reason and "its licence has run out" in reason


def test_a_path_that_the_user_has_added_counts(site: KernelSite) -> None:
    own = site.root / "own"
    site.module("mine/1.0", f'prepend_path("PATH", "{site.software}/python-3.9/bin")\n', tree=own)
    told = start(site, LOADEDMODULES="mine/1.0", MODULEPATH=f"{own}:{site.modules}")
    assert told["modules"] == "mine/1.0"


def test_it_is_proven_and_not_offered_where_it_fails(
    site: KernelSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sitekit.kernels.trials import kernels_with_users_modules

    worse = {
        **kernels_with_users_modules.WAYS["python"],
        "command": ["python", "-c", "exit(3)", "{connection_file}"],
    }
    monkeypatch.setitem(kernels_with_users_modules.WAYS, "python", worse)
    site.python_module("python/3.11")
    try:
        site.make()
        assert "python-3.11" in site.offered() and "loaded-python" not in site.offered()
    finally:
        monkeypatch.undo()
        site.make()
    assert "loaded-python" in site.offered()


@pytest.mark.skipif(not HAS_R, reason="there is no R with IRkernel")
def test_r_too(hub_environment: None) -> None:
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        site.rules.write_text("inherit: [R]\n")
        (site.software / "r").mkdir()
        (site.software / "r" / "R").symlink_to("/usr/bin/R")
        site.module("r/4.2", f'prepend_path("PATH", "{site.software}/r")\n')
        assert site.make() == 0
        assert site.names() == ["loaded-r", "r-4.2"]
