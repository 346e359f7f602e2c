"""Run a short test job on one node of each partition that the tiers use, and parse the job's
result."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...backends.slurm.run_local_program import slurm_environment
from ...base.run_program import Argv, CommandFailed, run
from ...contracts.gate_config import servers_prefix
from ...site import Site
from ...site.sections.tier import Tier
from .context import Context

WAIT, JOB_SECONDS = 30, 90
"""Two time limits in seconds: for the job's wait for a node, and for the whole run of srun."""
_PROGRAM = Path(__file__).parent / "inside" / "look_from_node.py"


@dataclass(frozen=True)
class Seen:
    """The result of one test job.

    `fault` is the reason why the job has no result. `host` is the name of the node. `hub`,
    `release`, `kernels` and `home` describe a fault that the job found, or are "" if there is no
    fault. `names` has the host names that the node cannot resolve. `clock` is the difference
    between the node's clock and this host's clock in seconds; it is 0 if the job's duration alone
    can explain the difference. `memory` is the memory limit of the job's cgroup in bytes.
    """

    partition: str
    tier: Tier
    fault: str = ""
    host: str = ""
    hub: str = ""
    release: str = ""
    kernels: str = ""
    home: str = ""
    names: tuple[str, ...] = ()
    clock: float = 0.0
    memory: int | None = None


def seen_from_nodes(here: Context) -> list[Seen]:
    """Run a test job in each partition, all of them at the same time; return the results. Raises
    Unanswered."""
    return here.once("the jobs on the nodes", lambda: _all(here))


def _all(here: Context) -> list[Seen]:
    first: dict[str, Tier] = {}
    for tier in here.site.tiers:
        for name in tier.partitions:
            first.setdefault(name, tier)
    user = here.somebody if here.root else None
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda one: _one(here.site, user, *one), first.items()))


def _one(site: Site, user: str | None, partition: str, tier: Tier) -> Seen:
    """Run one test job with srun, and parse its output."""
    begin = time.time()
    try:
        done = run(
            _command(site, partition, tier),
            env=slurm_environment(site),
            user=user,
            cwd=Path("/"),
            timeout=JOB_SECONDS,
            check=False,
        )
    except CommandFailed:
        return Seen(partition, tier, f"the job did not end within {JOB_SECONDS} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"srun ended with {done.returncode}"])[-1]
        return Seen(partition, tier, last)
    return parse(partition, tier, done.stdout, (begin, time.time()))


def _command(site: Site, partition: str, tier: Tier) -> Argv:
    """Return the srun command of a test job."""
    address = site.tunnel.host or site.hub.address if site.tunnel else site.hub.address
    port = site.tunnel.port if site.tunnel else site.hub.port
    prefix = servers_prefix(site)
    request = {
        "hub": [address, port],
        "release": str(prefix / "current"),
        "kernels": str(prefix / "kernels" / "current"),
        "names": [address],
    }
    words = [f"--partition={partition}", f"--mem={tier.memory}M", "--nodes=1", "--ntasks=1"]
    words += ["--job-name=sitekit-doctor", "--time=2", "--chdir=/", f"--immediate={WAIT}"]
    words += ["--quit-on-interrupt", "--input=none"]
    for name in ("account", "qos", "reservation", "constraint"):
        if value := getattr(tier, name):
            words.append(f"--{name}={value}")
    program = ["/usr/bin/python3", "-I", "-c", _PROGRAM.read_text(), json.dumps(request)]
    return [site.slurm.bin / "srun", *words, *program]


def parse(partition: str, tier: Tier, text: str, during: tuple[float, float]) -> Seen:
    """Parse the output of a test job.

    Each value in the output is checked, because the user under whose account the job runs could
    change the output. `during` has the times on this host before and after the job.
    """
    try:
        answer = json.loads(text.strip().splitlines()[-1])
        clock, memory = float(answer["clock"]), answer["memory"]
        early, late = min(0.0, clock - during[0]), max(0.0, clock - during[1])
        return Seen(
            partition,
            tier,
            host=str(answer["host"])[:64],
            hub=str(answer["hub"]),
            release=str(answer["release"]),
            kernels=str(answer["kernels"]),
            home=str(answer["home"]),
            names=tuple(str(name)[:64] for name in answer["names"][:10]),
            clock=early or late,
            memory=None if memory is None else int(memory),
        )
    except (ValueError, KeyError, TypeError, IndexError):
        return Seen(partition, tier, "the job printed no answer that can be read")
