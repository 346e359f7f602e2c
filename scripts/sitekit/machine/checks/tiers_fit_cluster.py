"""Compare the tiers of site.yml with the cluster's partitions, node sizes, time limits, GPUs and
memory limits.

The data about the cluster comes from sinfo, scontrol and sbatch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...backends.slurm.run_local_program import slurm_environment
from ...base.finding import Finding, Severity, unseen, warning
from ...base.run_program import Argv, CommandFailed, run
from ...site import Site
from ...site.sections.tier import Tier
from ...site.types.memory_and_time import format_memory, format_time
from .network import check_nodes_reach_hub

PROGRAMS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo", "sacct")
SLURM_TIMEOUT = 8.0  # seconds
# fields of sinfo(1): address, partition, CPUs, memory in MiB, time limit, generic resources
NODES = ("--all", "--Node", "--noheader", "--format=%o|%R|%c|%m|%l|%G")
_ROUNDING = 1.005
# Messages of sbatch about the request itself. All other messages, such as one about a missing
# association, concern only the account that ran sbatch.
_OF_THE_REQUEST = re.compile(
    r"partition|node configuration|time limit|generic resource|gres|feature|constraint|reservation|qos|memory",
    re.I,
)
_OF_THE_ACCOUNT = re.compile(
    r"account|permi(ssion|tted)|denied|Unable to contact|Socket timed out", re.I
)


@dataclass
class Partition:
    """The size of a partition's largest node, and the partition's time limit in seconds. If the
    partition has no time limit, the value is None.
    """

    cpus: int = 0
    memory: int = 0
    limit: int | None = None
    gpus: dict[str, int] = field(default_factory=dict)


def check_tiers(site: Site) -> Iterator[Finding]:
    """Yield a finding (a problem) for everything that a tier needs and that the cluster does not
    have.

    Raises CommandFailed if Slurm does not answer.
    """
    if missing := list(check_slurm_programs(site)):
        yield from missing
        return
    said = _ask(site, "sinfo", *NODES)
    there = read(said)
    for place, tier in enumerate(site.tiers):
        for name in tier.partitions:
            found = list(check_tier_fits(there, tier, name, f"tiers[{place}]"))
            yield from found or test_job(site, tier, name, f"tiers[{place}]")
    check = site.kernels.check
    if check.partition and check.partition not in there:
        yield _no_partition(check.partition, "kernels.check.partition", there)
    yield from check_memory_caps(site, read_config(_ask(site, "scontrol", "show", "config")))
    yield from check_nodes_reach_hub(
        site, {line.split("|")[0].strip() for line in said.splitlines() if "|" in line}
    )


def check_slurm_programs(site: Site) -> Iterator[Finding]:
    """Yield a finding if Slurm's programs or slurm.conf are not at the paths in site.yml."""
    missing = [program for program in PROGRAMS if not (site.slurm.bin / program).exists()]
    if missing:
        what = f"{site.slurm.bin} has no {', '.join(missing)}"
        yield Finding(
            what, "slurm.bin", "name the folder with Slurm's programs: dirname $(command -v sbatch)"
        )
    elif site.slurm.conf and not site.slurm.conf.exists():
        yield Finding(
            f"{site.slurm.conf} is not there",
            "slurm.conf",
            "name the cluster's slurm.conf, or leave it out",
        )


def read(said: str) -> dict[str, Partition]:
    """Parse the output of sinfo: return partition name -> Partition, including hidden partitions.

    Each line of the output describes a node. Lines in another format are ignored.
    """
    found: dict[str, Partition] = {}
    for line in said.splitlines():
        fields = line.strip().split("|", 5)[1:]
        if len(fields) != 5 or not (fields[1].isdigit() and fields[2].isdigit()):
            continue
        one = found.setdefault(fields[0], Partition())
        one.cpus, one.memory = max(one.cpus, int(fields[1])), max(one.memory, int(fields[2]))
        one.limit = _seconds(fields[3])
        for gpu in re.finditer(r"gpu(?::([^:,()]+))??:(\d+)(?=[,(]|$)", fields[4]):
            for kind in {gpu[1] or "", ""}:
                one.gpus[kind] = max(one.gpus.get(kind, 0), int(gpu[2]))
    return found


def check_tier_fits(
    there: dict[str, Partition], tier: Tier, name: str, key: str
) -> Iterator[Finding]:
    """Yield a finding for each resource (memory, CPUs, time, GPUs) of which the tier needs more
    than the partition has. The argument `there` maps the names of the cluster's partitions to the
    data of each partition."""
    if name not in there:
        yield _no_partition(name, f"{key}.partitions", there)
        return
    one, whose = there[name], f"tier '{tier.key}'"
    if tier.memory > one.memory:
        what = f"{whose} asks for {format_memory(tier.memory)}, and the largest node of {name} has"
        yield Finding(
            f"{what} {format_memory(one.memory)}",
            f"{key}.memory",
            "ask for less, or name other partitions",
        )
    if tier.cpus * tier.tasks > one.cpus:
        what = f"{whose} asks for {tier.cpus * tier.tasks} CPUs, and the largest node of {name} has {one.cpus}"
        yield Finding(what, f"{key}.cpus", "ask for fewer, or name other partitions")
    if one.limit is not None and tier.time > one.limit:
        what = (
            f"{whose} asks for {format_time(tier.time)}, and {name} allows {format_time(one.limit)}"
        )
        yield Finding(
            what, f"{key}.time", "ask for less, or raise MaxTime of the partition in slurm.conf"
        )
    if tier.gpus > one.gpus.get(tier.gpu_type or "", 0):
        kind = f" of type {tier.gpu_type}" if tier.gpu_type else ""
        types = ", ".join(sorted(filter(None, one.gpus))) or "none with a type"
        what = f"{whose} asks for {tier.gpus} GPU{kind}, and no node of {name} has them (types there: {types})"
        yield Finding(
            what,
            f"{key}.{'gpu_type' if tier.gpu_type else 'gpus'}",
            "see: sinfo --Node --format='%N %G'",
        )
    yield from _bounds(tier, one, name, key)


def _bounds(tier: Tier, one: Partition, name: str, key: str) -> Iterator[Finding]:
    """Yield a finding for each resource of which the tier's form lets users choose more than the
    partition has.

    Another partition of the tier may be large enough. Therefore these findings do not stop `make
    apply`.
    """
    choose = tier.choose
    most: dict[str, tuple[tuple[int, int] | None, int | None, Callable[[int], str]]] = {
        "memory": (choose.memory, one.memory, format_memory),
        "cpus": (choose.cpus, one.cpus, str),
        "tasks": (choose.tasks, one.cpus, str),
        "time": (choose.time, one.limit, format_time),
    }
    for what, (bounds, limit, shown) in most.items():
        if bounds and limit is not None and bounds[1] > limit:
            text = f"users may choose {what} up to {shown(bounds[1])}, and {name} has at most {shown(limit)}"
            yield warning(text, f"{key}.choose.{what}", "lower the upper bound")


def _no_partition(name: str, key: str, there: dict[str, Partition]) -> Finding:
    """Return the finding for a partition that does not exist in Slurm."""
    listed = ", ".join(sorted(there)[:12]) or "none"
    return Finding(f"Slurm has no partition {name}", key, f"name one that sinfo lists: {listed}")


def test_job(
    site: Site, tier: Tier, partition: str, key: str, user: str | None = None
) -> Iterator[Finding]:
    """Test with `sbatch --test-only` whether Slurm would accept the tier's job.

    No job is submitted. If `user` is given, sbatch runs as this account, which only root can do.
    """
    argv: Argv = [site.slurm.bin / "sbatch", "--test-only", *_job_options(tier, partition)]
    done = run(
        argv,
        env=slurm_environment(site),
        stdin="#!/bin/sh\n",
        cwd=Path("/"),
        timeout=SLURM_TIMEOUT,
        check=False,
        user=user,
    )
    if done.returncode == 0:
        return
    said = _reasons(done.stderr) or f"sbatch ended with {done.returncode}"
    what = f"tier '{tier.key}' in {partition}: {said}"
    if user:
        yield Finding(f"{what} (asked as {user})", key, "see: sbatch --test-only")
    elif _OF_THE_ACCOUNT.search(said):
        yield unseen(f"{what} (tested with another account than your users have)")
    else:
        severity = Severity.ERROR if _OF_THE_REQUEST.search(said) else Severity.WARNING
        yield Finding(what, key, "see: sbatch --test-only", severity)


def _job_options(tier: Tier, partition: str) -> list[str]:
    """Return the sbatch options for a job of the tier: the same options as the gate uses."""
    options = [f"--partition={partition}", f"--mem={tier.memory}M", f"--cpus-per-task={tier.cpus}"]
    options += [f"--nodes={tier.nodes}", f"--ntasks={tier.nodes * tier.tasks}"]
    options += [f"--ntasks-per-node={tier.tasks}", f"--time={max(1, tier.time // 60)}"]
    options += ["--no-requeue", "--chdir=/", *(["--exclusive"] if tier.exclusive else [])]
    if tier.gpus:
        kind = f"{tier.gpu_type}:" if tier.gpu_type else ""
        options.append(f"--gres=gpu:{kind}{tier.gpus}")
    for name in ("account", "qos", "reservation", "constraint"):
        if value := getattr(tier, name):
            options.append(f"--{name}={value}")
    return options


def _reasons(errors: str) -> str:
    """Return the error messages of sbatch on one line, each message once."""
    lines = [
        line.split("error: ")[-1].removeprefix("allocation failure: ").strip()
        for line in errors.splitlines()
    ]
    return "; ".join(dict.fromkeys(filter(None, lines)))


def read_config(said: str) -> dict[str, str]:
    """Parse the output of `scontrol show config`: return key -> value."""
    pairs = (line.partition("=") for line in said.splitlines())
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}


def check_memory_caps(site: Site, config: dict[str, str]) -> Iterator[Finding]:
    """Yield a finding for each tier whose memory cap cannot work with Slurm's cgroup.conf.

    AllowedRAMSpace in cgroup.conf(5) limits the memory of a job, in percent of the job's reserved
    memory. `config` has the parsed output of `scontrol show config`.
    """
    allowed = re.fullmatch(r"(\d+(?:\.\d+)?)%", config.get("AllowedRAMSpace", ""))
    above = [(place, tier) for place, tier in enumerate(site.tiers) if tier.cap > tier.memory]
    if "task/cgroup" not in config.get("TaskPlugin", "task/cgroup"):
        what = "TaskPlugin has no task/cgroup: Slurm does not enforce the memory of jobs, and memory_cap has no effect"
        yield warning(what, "slurm.conf", "TaskPlugin=task/cgroup,task/affinity")
    elif config.get("ConstrainRAMSpace", "").lower() == "no":
        what = "ConstrainRAMSpace is no: Slurm does not enforce the memory of jobs, and memory_cap has no effect"
        yield warning(what, "cgroup.conf", "ConstrainRAMSpace=yes")
    elif allowed is None and above:
        yield unseen(
            "AllowedRAMSpace is not in the output of `scontrol show config`: the caps were not compared with it"
        )
    elif allowed:
        for place, tier in above:
            if tier.cap > tier.memory * float(allowed[1]) / 100 * _ROUNDING:
                most = f"{float(allowed[1]) / 100:g}x"
                what = f"tier '{tier.key}' promises {tier.memory_cap}, and AllowedRAMSpace of cgroup.conf allows {most}"
                remedy = f"write memory_cap: {most}, or raise AllowedRAMSpace"
                yield Finding(what, f"tiers[{place}].memory_cap", remedy)
    if above and slowed_down(config):
        what = (
            "with cgroup v2 a job that uses more memory than it reserved "
            "is slowed down until it hangs (memory.high)"
        )
        remedy = "let the nodes lift the limit with scripts/lift-memory-high (docs/servers.md), or write memory_cap: 1x"
        yield warning(what, f"tiers[{above[0][0]}].memory_cap", remedy)


def slowed_down(config: dict[str, str], tree: Path = Path("/sys/fs/cgroup")) -> bool:
    """Return whether Linux slows down a job that uses more than its reserved memory (memory.high).

    If CgroupPlugin is `autodetect`, the nodes are assumed to have the same cgroup version as this
    host. The result is False if HealthCheckProgram in slurm.conf is lift-memory-high, which removes
    this limit.
    """
    plugin = config.get("CgroupPlugin", "")
    v2 = plugin == "cgroup/v2" or (
        plugin in ("autodetect", "(null)") and (tree / "cgroup.controllers").exists()
    )
    return v2 and not config.get("HealthCheckProgram", "").endswith("/lift-memory-high")


def _ask(site: Site, program: str, *words: str) -> str:
    """Run a program of Slurm, such as sinfo, with the arguments `words`, and return its output."""
    argv: Argv = [site.slurm.bin / program, *words]
    done = run(argv, env=slurm_environment(site), timeout=SLURM_TIMEOUT, cwd=Path("/"), check=False)
    if done.returncode:
        raise CommandFailed(argv, f"ended with code {done.returncode}", done.stderr)
    return done.stdout


def _seconds(limit: str) -> int | None:
    """Convert Slurm's time limit `[days-][hours:]minutes:seconds` to seconds; None for no limit."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
