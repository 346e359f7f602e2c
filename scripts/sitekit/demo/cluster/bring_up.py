"""Start and stop the demo cluster, and report its state."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path

from ...base.command import Argv, CommandFailed, run
from ...base.errors import Problem
from ...base.files import write_atomic
from ...base.progress import say, step
from ...machine.supervisors import control
from ...machine.supervisors.service import Service
from ...site import Site
from . import layout, services
from .accounting import ensure_accounts, environment
from .host import Host, this_host
from .prepare import prepare
from .record import Made

UNCAPPED = (
    "    The memory cap is not enforced here: no cgroup can be used. "
    "Slurm reserves memory, but stops no job that takes more."
)
_NO_CGROUP = layout.STATE / "no-cgroup"
"""This file exists if Slurm was tried with this machine's cgroups and failed."""


def daemons(site: Site) -> list[Service]:
    """Return all services of the cluster in the order in which they start."""
    return [*services.accounting(site), *services.scheduling(site)]


def start_cluster(site: Site, made: Made) -> Host:
    """Start the cluster, unless it runs. Returns the host's properties. Needs root.

    The packages and the hub's account must exist. Raises Problem with the daemon that did not start
    and the end of its log.
    """
    host = this_host()
    if _NO_CGROUP.exists():
        host = dataclasses.replace(host, cgroup=None)
    try:
        _bring_up(site, host, made)
    except Problem as problem:
        if host.cgroup is None or not (problem.where or "").startswith(site.service("slurmd-")):
            raise
        # Which versions of Slurm, systemd and container work with which cgroups cannot be known in
        # advance, so it was tried.
        say(
            f"    Slurm does not come up with cgroup {host.cgroup} on this machine; continuing without it:\n{problem}"
        )
        control.stop(services.scheduling(site), services.supervisor(site))
        _NO_CGROUP.touch()
        host = dataclasses.replace(host, cgroup=None)
        _bring_up(site, host, made)
    if host.cgroup is None:
        say(UNCAPPED)
    return host


def _bring_up(site: Site, host: Host, made: Made) -> None:
    """Write the configuration and start the daemons."""
    changed = prepare(site, host, made)
    supervisor = services.supervisor(site)
    for path, content in supervisor.files(daemons(site)).items():
        if not path.exists() or path.read_text() != content:
            write_atomic(path, content)
    afresh = [service.name for service in daemons(site)] if changed else []
    running = all(state.word == "running" for state in cluster_status(site).values())
    control.start(services.accounting(site), supervisor, afresh=afresh)
    ensure_accounts(site)
    control.start(services.scheduling(site), supervisor, afresh=afresh)
    if changed or not running:
        _try_a_job(site)


def _try_a_job(site: Site) -> None:
    """Run one job, so that a fault is found before users meet it. Raises Problem."""
    srun: Argv = [
        site.slurm.bin / "srun",
        "--partition=batch",
        "--mem=50M",
        "--time=1",
        "/bin/true",
    ]
    try:
        run(srun, env=environment(site), timeout=60, cwd=Path("/"))
    except CommandFailed as failed:
        raise Problem(
            f"the nodes are up, but a job does not run: {failed.what}",
            site.service(f"slurmd-{layout.NODES[-1]}"),
            f"read {layout.LOG}",
        ) from None


def cluster_status(site: Site) -> dict[str, control.State]:
    """Return the state of each daemon by name."""
    return control.status(daemons(site), services.supervisor(site))


def cancel_jobs(site: Site) -> int:
    """Cancel all jobs of the demo cluster; wait at most 20 s for their end; return their number."""
    if not (jobs := _jobs(site)):
        return 0
    with step("Cancelling jobs") as shown:
        run([site.slurm.bin / "scancel", *jobs], env=environment(site), check=False)
        end = time.monotonic() + 20
        while _jobs(site) and time.monotonic() < end:
            time.sleep(0.2)
        shown.done(str(len(jobs)))
    return len(jobs)


def _jobs(site: Site) -> list[str]:
    """Return the ids of all jobs; none if slurmctld does not answer."""
    answers = services.scheduling(site)[0].ready
    if answers is None or not answers():
        return []
    squeue: Argv = [site.slurm.bin / "squeue", "--noheader", "--all", "--format=%A"]
    return run(squeue, env=environment(site), timeout=30).stdout.split()


def stop_cluster(site: Site) -> None:
    """Stop the cluster's daemons. Its files stay. Raises Problem."""
    control.stop(daemons(site), services.supervisor(site))
    end_placeholders()


def end_placeholders(tree: Path = Path("/sys/fs/cgroup")) -> None:
    """End the processes `slurmstepd infinity` that Slurm leaves in the nodes' cgroups (v2).

    They stay even after slurmd has ended. cgroups(7): writing `cgroup.kill` kills all processes of
    a group.
    """
    for group in [
        group for node in layout.NODES for group in tree.glob(f"*/{node}_slurmstepd.scope")
    ]:
        # systemd removes the group of a scope that is empty
        with contextlib.suppress(FileNotFoundError):
            if (group / "cgroup.kill").exists():
                (group / "cgroup.kill").write_text("1")
            end = time.monotonic() + 10
            while "populated 1" in (group / "cgroup.events").read_text() and time.monotonic() < end:
                time.sleep(0.05)
