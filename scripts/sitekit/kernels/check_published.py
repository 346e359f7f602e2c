"""Start every published kernel again (`make kernels_check`), and hide or flag the kernels that
fail.

If a hidden kernel works again, `make kernels_check` shows the kernel to users again. If
`publish_new` is set in site.yml, new versions of modules become kernels before the check begins.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from ..base import progress
from ..base.errors import Problem
from ..contracts.kernel_state import KernelState, write_kernel_state
from ..site import Site
from . import result_table
from .generations import generation
from .generations.generation_record import Record, read_record, write_record
from .make_and_publish import make_kernels
from .result_table import Row
from .trials.try_kernels import Trial, account, start_and_compare


def publish_new(site: Site) -> int:
    """Run `make kernels` with the kernels.yml of its last run.

    Returns 1 if a kernel failed, or if nothing could be published. After this function, `make
    kernels_check` starts all published kernels.
    """
    now = generation.current(site)
    try:
        if now is None or not (now / generation.RULES).exists():
            what = "no kernels.yml of an earlier run is stored"
            raise Problem(what, str(site.kernels_current), "run `make kernels` once by hand")
        return make_kernels(site, now / generation.RULES)
    except Problem as problem:
        progress.say(f"Nothing new is published: {problem}")
        return 1


def check_kernels(site: Site) -> int:
    """Start all published kernels, and publish a new generation that hides or flags kernels that
    fail. Returns 1 if a kernel failed.

    If no kernel could be started, this function publishes nothing and raises Problem.
    """
    with generation.lock(site):
        now = generation.current(site)
        record = read_record(now) if now else None
        if now is None or record is None or not record.kernels:
            raise Problem(
                "no kernels are published here",
                str(site.kernels_current),
                "run `make kernels` first",
            )
        trial = Trial(account(site, record.test_as), record.start_timeout, _srun(site))
        failing = start_and_compare(site, now, list(record.kernels.values()), trial)
        if 0 < len(failing) < len(record.kernels):
            progress.say(
                "Some kernels failed. They are started once more, because the machine may have been busy."
            )
            failing = start_and_compare(
                site, now, [record.kernels[name] for name in failing], trial
            )
        where = f"a node of {site.kernels.check.partition}" if trial.srun else "this host"
        proven = len(record.kernels) - len(failing)
        write_kernel_state(site, KernelState(proven, failing, int(time.time()), where))
        result_table.show(_rows(site, record, failing))
        if not proven:
            # If all kernels fail, the machine itself probably has a fault. Therefore no kernel is
            # hidden.
            what = f"no kernel starts on {where}; the launcher is not changed"
            raise Problem(
                what, str(site.kernels_current), "repair what the table shows, and run this again"
            )
        _publish(site, now, record, failing)
    return 1 if failing else 0


def _srun(site: Site) -> tuple[str, ...]:
    """Return the `srun` command line that runs a program on a compute node. If site.yml says that
    the check runs on this host, return ()."""
    check = site.kernels.check
    if not check.partition:
        return ()
    srun, minutes = site.slurm.bin / "srun", -(-check.time // 60)
    if not srun.exists():
        raise Problem(
            f"there is no {srun}", "site.yml: slurm.bin", "set it to the folder of Slurm's programs"
        )
    words = [str(srun), f"--partition={check.partition}", f"--mem={check.memory}M"]
    words += [f"--account={check.account}"] if check.account else []
    words += [
        "--job-name=sitekit-kernels",
        "--nodes=1",
        "--ntasks=1",
        "--cpus-per-task=2",
        f"--time={minutes}",
    ]
    return (*words, f"--immediate={check.time}", "--quit-on-interrupt", "--chdir=/")


def _rows(site: Site, record: Record, failing: dict[str, str]) -> list[Row]:
    """Return the rows of the table that `make kernels_check` prints."""
    rows = []
    for name, kernel in record.kernels.items():
        status = "FAILED" if name in failing else "back" if name in record.failing else "proven"
        rows.append(
            Row(
                status,
                name,
                kernel.shown,
                f"{kernel.label}: {kernel.detail}",
                failing.get(name, ""),
            )
        )
    return rows


def _publish(site: Site, now: Path, record: Record, failing: dict[str, str]) -> None:
    """Publish a generation that shows the kernels that work, and hides or flags all other kernels.

    A new generation (folder of kernels) is made only if the state of a kernel has changed.
    """
    how: dict[str, generation.Showing] = dict.fromkeys(record.kernels, "offer")
    how |= dict.fromkeys(failing, site.kernels.check.on_failure)
    counts = f"{len(how) - len(failing)} of {len(how)} kernels work"
    if how == {name: generation.showing(now, name) for name in how}:
        write_record(now, replace(record, failing=failing))
        progress.say(f"{counts}; nothing changes in the launcher.")
        return
    new = generation.copy(site, now)
    with generation.under_way(site, new):
        for kernel in record.kernels.values():
            generation.show(new, kernel, how[kernel.id])
        write_record(new, replace(record, failing=failing))
        generation.fix_modes(new)
        generation.publish(site, new)
    verb = {"hide": "hidden from the launcher", "flag": "flagged in the launcher"}[
        site.kernels.check.on_failure
    ]
    progress.say(
        f"{counts}; those that fail are {verb} until they pass."
        if failing
        else f"{counts}, and are offered."
    )
