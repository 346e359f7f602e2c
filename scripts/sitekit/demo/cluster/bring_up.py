"""Start, check and stop the daemons of the demo's Slurm cluster."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path

from ...base.errors import Problem
from ...base.files import write_atomic
from ...base.progress import say, step
from ...base.run_program import Argv, CommandFailed, run
from ...machine.supervisors import control
from ...machine.supervisors.service import Service
from ...site import Site
from . import cluster_daemons, paths_and_ports
from .describe_host import Host, this_host
from .prepare_cluster import prepare
from .record_changes import Made
from .slurm_accounts_and_qos import ensure_accounts, environment

UNCAPPED = (
    "    The memory cap is not enforced here: no cgroup can be used. "
    "Slurm reserves memory, but stops no job that takes more."
)
_NO_CGROUP = paths_and_ports.STATE / "no-cgroup"
"""This file exists if Slurm could not start with this machine's cgroups."""


def daemons(site: Site) -> list[Service]:
    """Return all services of the cluster in the order in which they start."""
    return [*cluster_daemons.accounting(site), *cluster_daemons.scheduling(site)]


def start_cluster(site: Site, made: Made) -> Host:
    """Start the cluster's daemons. Return the host (memory, cgroups) for which Slurm is configured.

    Only root can call this function. The packages must be installed, and the hub's account must
    exist. Raises Problem, with the daemon's name and the end of its log, if a daemon does not
    start. If slurmd does not start with the machine's cgroups, the cluster is first started again
    without cgroups.
    """
    host = this_host()
    if _NO_CGROUP.exists():
        host = dataclasses.replace(host, cgroup=None)
    try:
        _bring_up(site, host, made)
    except Problem as problem:
        if host.cgroup is None or not (problem.where or "").startswith(site.service("slurmd-")):
            raise
        # No documentation says which cgroups work with which versions of Slurm and systemd, and in
        # containers. Therefore this function starts Slurm first with the machine's cgroups, and
        # after a failure without cgroups.
        say(
            f"    Slurm does not start with cgroup {host.cgroup} on this machine; continuing without:\n{problem}"
        )
        control.stop(cluster_daemons.scheduling(site), cluster_daemons.supervisor(site))
        _NO_CGROUP.touch()
        host = dataclasses.replace(host, cgroup=None)
        _bring_up(site, host, made)
    if host.cgroup is None:
        say(UNCAPPED)
    return host


def _bring_up(site: Site, host: Host, made: Made) -> None:
    changed = prepare(site, host, made)
    supervisor = cluster_daemons.supervisor(site)
    for path, content in supervisor.files(daemons(site)).items():
        if not path.exists() or path.read_text() != content:
            write_atomic(path, content)
    afresh = [service.name for service in daemons(site)] if changed else []
    running = all(state.word == "running" for state in cluster_status(site).values())
    control.start(cluster_daemons.accounting(site), supervisor, afresh=afresh)
    ensure_accounts(site)
    control.start(cluster_daemons.scheduling(site), supervisor, afresh=afresh)
    if changed or not running:
        _try_a_job(site)


def _try_a_job(site: Site) -> None:
    """Run one short test job in the demo's Slurm cluster. Raises Problem if the job fails.

    The test job shows faults of Slurm before a user starts a server.
    """
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
            site.service(f"slurmd-{paths_and_ports.NODES[-1]}"),
            f"read {paths_and_ports.LOG}",
        ) from None


def cluster_status(site: Site) -> dict[str, control.State]:
    """Return the state of each daemon by its service name."""
    return control.status(daemons(site), cluster_daemons.supervisor(site))


def cancel_jobs(site: Site) -> int:
    """Cancel every job of the demo cluster. Return the number of jobs.

    The function waits until the jobs have ended, but at most 20 seconds.
    """
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
    answers = cluster_daemons.scheduling(site)[0].ready
    if answers is None or not answers():
        return []
    squeue: Argv = [site.slurm.bin / "squeue", "--noheader", "--all", "--format=%A"]
    return run(squeue, env=environment(site), timeout=30).stdout.split()


def stop_cluster(site: Site) -> None:
    """Stop the demo cluster's daemons, and no other processes.

    The files of the demo's cluster are kept. Raises Problem if a daemon does not end.
    """
    control.stop(daemons(site), cluster_daemons.supervisor(site))
    end_placeholders()


def end_placeholders(tree: Path = Path("/sys/fs/cgroup")) -> None:
    """End the `slurmstepd infinity` process of each demo node.

    With cgroup v2, Slurm's process `slurmstepd infinity` still runs in the cgroup of a node's jobs
    after slurmd has ended. This function writes to `cgroup.kill`, which ends every process in the
    cgroup (cgroups(7)).
    """
    for group in [
        group for node in paths_and_ports.NODES for group in tree.glob(f"*/{node}_slurmstepd.scope")
    ]:
        # systemd can remove the cgroup of an empty scope at any moment
        with contextlib.suppress(FileNotFoundError):
            if (group / "cgroup.kill").exists():
                (group / "cgroup.kill").write_text("1")
            end = time.monotonic() + 10
            while "populated 1" in (group / "cgroup.events").read_text() and time.monotonic() < end:
                time.sleep(0.05)
