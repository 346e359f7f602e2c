"""A kernel that was found by itself and whose module breaks later: said, out of sight, and back
when it works."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import kernel_site
import pytest
from kernel_site import KernelSite

from sitekit.contracts.kernel_state import read_kernel_state
from sitekit.kernels.check_published import check_kernels
from sitekit.kernels.generations.generation_record import read_record

BROKEN = 'depends_on("nothere/1.0")\n'


@pytest.fixture(scope="module")
def base(hub_environment: None) -> Iterator[KernelSite]:
    """`whole` stays as it is; each of the others breaks in its own way."""
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        for name in ("whole/1.0", "load/1.0", "lab/1.0"):
            site.python_module(name)
        site.module("gcc/12", f'prepend_path("MODULEPATH", "{root}/gcc")\n')
        site.python_module("deep/2.0", tree=root / "gcc")
        assert site.make() == 0
        yield site


def load_fails(site: KernelSite) -> Path:
    return site.module("load/1.0", BROKEN)


def interpreter_is_gone(site: KernelSite) -> Path:
    """Nothing of the module's name tells that it should have one."""
    folder = site.software / "lab-1.0" / "bin"
    folder.rename(folder.with_name("away"))
    return folder


def way_is_cut(site: KernelSite) -> Path:
    """Its own modulefile is as it was; the module that leads to it is broken."""
    return site.module("gcc/12", "this is not Lua\n")


@pytest.mark.parametrize(
    ("name", "breaks"),
    [("load-1.0", load_fails), ("lab-1.0", interpreter_is_gone), ("deep-2.0", way_is_cut)],
)
def test_it_is_said_hidden_and_back_when_it_works(
    base: KernelSite,
    capsys: pytest.CaptureFixture[str],
    name: str,
    breaks: Callable[[KernelSite], Path],
) -> None:
    everything = base.offered()
    kept = {file: file.read_text() for file in base.root.rglob("*.lua")}
    broken = breaks(base)
    assert base.make() == 1
    assert f"  {name} " in capsys.readouterr().out and base.offered() == everything - {name}
    generations = base.generations()
    assert base.make() == 1 and base.generations() == generations, (
        "a loss that is known is no change"
    )
    assert f"  {name} " in capsys.readouterr().out and base.offered() == everything - {name}
    state = read_kernel_state(base.site)
    assert state and list(state.failing) == [name] and state.proven == len(everything) - 1
    if broken.suffix:
        broken.write_text(kept[broken])
    else:
        broken.with_name("away").rename(broken)
    assert base.make() == 0 and base.offered() == everything
    assert read_kernel_state(base.site).failing == {}


def test_a_check_that_passes_brings_it_back(base: KernelSite) -> None:
    file = base.modules / "load" / "1.0.lua"
    before = file.read_text()
    load_fails(base)
    assert base.make() == 1 == check_kernels(base.site) and "load-1.0" not in base.offered()
    file.write_text(before)
    assert check_kernels(base.site) == 0 and "load-1.0" in base.offered()
    assert base.make() == 0 and "load-1.0" in base.offered()


def test_what_the_site_takes_away_is_no_loss(base: KernelSite) -> None:
    load_fails(base)
    assert base.make() == 1
    base.rules.write_text("discover: {exclude: [load/*]}\n")
    assert base.make() == 0
    shutil.rmtree(base.modules / "lab")
    assert base.make() == 0
    assert (
        base.offered()
        == {"whole-1.0", "deep-2.0"}
        == set(read_record(base.site.kernels_current.resolve()).kernels)
    )
