"""The row `kernels`: the time to make kernels of 100 modules, in seconds, with `make kernels` (sitekit)
and with a loop over the command `envkernel`.

*cold* means that no kernels exist before. *no change* is a second `make kernels`, for which nothing
has changed. *envkernel, again* runs the loop a second time, over kernels that exist.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from sitekit.base.run_program import run

from .common import CHECKOUT, Bench, keep, table

COUNT = 100
GOALS = {"cold": 1.5, "no change": 1.0}  # times the floor; seconds
STARTS = 2  # of each kernel, by us: clean and hostile
START_KERNELS = Path(__file__).with_name("start_kernels.py")


def measure(bench: Bench, times: int) -> None:
    """Print and keep one line per way; the floor is that of `times` published kernels, started one
    after another."""
    with _site(bench) as (root, environment):
        ways = {
            "sitekit, cold": lambda: _ours(environment),
            "sitekit, no change": lambda: _ours(environment),
            "envkernel, cold": lambda: _envkernel(bench, root),
            "envkernel, again": lambda: _envkernel(bench, root),
        }
        rows = [{"way": way, **_timed(what), "kernels started": 0} for way, what in ways.items()]
        one = sorted(_starts(bench, root, times))[times // 2]
        published = [
            path.name for path in (root / "prefix" / "kernels" / "current" / "kernels").iterdir()
        ]
        installed = len(list((root / "envkernel" / "share" / "jupyter" / "kernels").iterdir()))
    assert sum(name.startswith("lang") for name in published) == installed == COUNT, (
        published,
        installed,
    )
    cores = os.cpu_count() or 1
    # one more: that of the tab Software Modules
    starts = rows[0]["kernels started"] = STARTS * len(published)
    floor = starts * one / cores
    for row in rows:
        row["x floor"] = round(row["s"] / floor, 2)
    cold, same = rows[0]["s"] / floor, rows[1]["s"]
    notes = [
        f"floor: {starts} starts of kernels x {one:.2f} CPU s for one start / {cores} cores = {floor:.1f} s.",
        f"cold: sitekit needs {cold:.2f} x floor "
        f"(goal {GOALS['cold']}, {'met' if cold <= GOALS['cold'] else 'MISSED'}).",
        f"cold: the CPU time of sitekit is {rows[0]['CPU s'] / (starts * one):.2f} x the CPU time of the kernel "
        "starts. Other programs on the machine do not change this figure.",
        f"no change: sitekit needs {same:.2f} s "
        f"(goal {GOALS['no change']}, {'met' if same <= GOALS['no change'] else 'MISSED'}).",
        "Before sitekit publishes a kernel, sitekit starts the kernel twice: in a clean environment, and "
        "with a home directory whose files can break kernels. envkernel starts no kernel.",
    ]
    table(f"kernels: {COUNT} modules with one interpreter", rows, notes)
    keep("kernels", rows=rows, one_start=one, floor=floor, notes=notes)


def _timed(what: Callable[[], None]) -> dict[str, Any]:
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    what()
    seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"s": round(seconds, 2), "CPU s": round(cpu, 2)}


def _starts(bench: Bench, root: Path, times: int) -> list[float]:
    argv = [bench.python, "-I", START_KERNELS, *(f"lang{number:03}-1.0" for number in range(times))]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(root),
        "JUPYTER_PATH": str(root / "prefix/kernels/current"),
    }
    return json.loads(run(argv, env=environment, timeout=300).stdout.splitlines()[-1])


def _ours(environment: dict[str, str]) -> None:
    """As `make kernels` runs it."""
    run([sys.executable, "-m", "sitekit", "kernels"], env=environment, timeout=600)


def _envkernel(bench: Bench, root: Path) -> None:
    """As a Makefile's loop runs it."""
    environment = {
        "PATH": f"{bench.site.current}/bin:/usr/bin:/bin",
        "HOME": str(root),
        "LANG": "C.UTF-8",
    }
    for number in range(COUNT):
        name = f"lang{number:03}"
        words = [
            f"--name={name}",
            f"--display-name={name}",
            f"--prefix={root}/envkernel",
            f"{name}/1.0",
        ]
        subprocess.run(
            ["envkernel", "lmod", *words],
            env=environment,
            check=True,
            capture_output=True,
            timeout=60,
        )


@contextmanager
def _site(bench: Bench) -> Iterator[tuple[Path, dict[str, str]]]:
    """A site like the demo's with 100 modules, whose Python is the demo's own; and the kit's
    environment for it."""
    root = Path(tempfile.mkdtemp(prefix="sitekit-bench-kernels-"))
    try:
        root.chmod(0o755)
        for folder in ("modules", "prefix", "envkernel"):
            (root / folder).mkdir()
        (root / "prefix" / "current").symlink_to(bench.site.current.resolve())
        pythons = (bench.site.paths.prefix / "software" / "python").iterdir()
        software = next(python for python in pythons if (python / "pyvenv.cfg").exists())
        for number in range(COUNT):
            file = root / "modules" / f"lang{number:03}" / "1.0.lua"
            file.parent.mkdir()
            file.write_text(f'prepend_path("PATH", "{software}/bin")\n')
        written = YAML(typ="safe").load(CHECKOUT / "config" / "sites" / "demo.yml")
        written["paths"]["prefix"] = str(root / "prefix")
        written["kernels"]["modulepath"] = [str(root / "modules")]
        (root / "site.yml").write_text(json.dumps(written))  # JSON is YAML
        here = {"PYTHONPATH": str(CHECKOUT / "scripts"), "SITE": str(root / "site.yml")}
        yield root, {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **here}
    finally:
        shutil.rmtree(root)
