"""Ranks of MPI in an image, started by srun on two nodes, as docs/images.md says."""

from __future__ import annotations

import json
import pwd
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from ..conftest import Demo
from ..packages import install
from ..slurm import ask
from .image_folder import PYTHON, add_files, build

PROGRAM = Path(__file__).parent / "programs" / "mpi_sum.py"
MPICH = "/usr/lib/x86_64-linux-gnu/libmpich.so.12"
NODES, RANKS = 2, 4


@pytest.fixture
def image(demo: Demo) -> Iterator[Path]:
    """An image with MPICH."""
    install("charliecloud", "libmpich12")
    top = demo.site.paths.prefix.with_name("demo-mpi-image")
    shutil.rmtree(top, ignore_errors=True)
    try:
        build(top, demo.site.current.resolve())
        add_files(top, MPICH)
        shutil.copy(PROGRAM, top / "opt" / PROGRAM.name)
        yield top
    finally:
        shutil.rmtree(top, ignore_errors=True)


def test_ranks_on_two_nodes_are_one_world(demo: Demo, image: Path) -> None:
    # ch-run needs USER. Each container has a namespace of its own, in which ranks share no memory.
    job = ["env", "USER=alice", f"HOME={pwd.getpwnam('alice').pw_dir}", "UCX_TLS=tcp,self", "srun"]
    job += ["--mpi=pmi2", "--partition=jupyter-short", f"--nodes={NODES}", f"--ntasks={RANKS}"]
    job += ["--mem=300M", "--time=1", "--chdir=/"]
    rank = ["/usr/bin/ch-run", str(image), "--", PYTHON, f"/opt/{PROGRAM.name}"]
    lines = first_that_ends(lambda: ask(demo.site, *job, *rank, user="alice")).splitlines()
    told = [json.loads(line) for line in lines]
    assert sorted(one["rank"] for one in told) == list(range(RANKS))
    assert {one["size"] for one in told} == {RANKS}
    assert {one["sum"] for one in told} == {sum(range(1, RANKS + 1))}
    assert {one["marker"] for one in told} == {"inside the image"}
    assert len({one["node"] for one in told}) == NODES


def first_that_ends(run: Callable[[], str]) -> str:
    """The output of the first of three jobs that ends before its time limit. On two busy cores,
    ranks of MPICH 4.0 with UCX once waited for each other without end, after they had started."""
    for _ in range(2):
        with suppress(CalledProcessError):
            return run()
    return run()
