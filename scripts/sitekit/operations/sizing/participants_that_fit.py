"""Calculate how many participants can work on a machine, from its memory, its cores, and the site's
tiers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...site import Site
from ...site.sections.tier import Tier
from ...site.types.memory_and_time import human_memory

RULE_MEMORY, RULE_DATA = (100, 200), (5, 10)
"""The rule of thumb: each user needs RULE_MEMORY MiB, and RULE_DATA times the size of the data that
the user reads. Each pair has the smallest and the largest number."""
RULE_SOURCE = "https://zonca.dev/posts/2016-04-16-jupyterhub-sdsc-cloud"
TLJH_SOURCE = "https://tljh.jupyter.org/en/latest/howto/admin/resource-estimation.html"


@dataclass(frozen=True)
class Machine:
    """The memory of a machine in MiB, and the number of its cores. `free` is the memory that
    programs can still allocate."""

    total: int
    free: int
    cores: int


@dataclass(frozen=True)
class Measured:
    """The measured memory of a server and of a kernel in MiB, and the kernel's title."""

    server: int
    kernel: int
    title: str


def estimate(site: Site, machine: Machine, measured: Measured, data: int) -> Iterator[str]:
    """Yield the lines that `make sizing` prints. The argument `data` is the memory in MiB for the
    data of one participant."""
    free = machine.free
    yield f"This machine: {human_memory(machine.total)} of memory, {machine.cores} cores"
    yield f"    {human_memory(free)} of the memory are free now, for servers"
    yield ""
    yield "Measured on this machine, without data:"
    yield f"    a server               {human_memory(measured.server)}"
    yield f"    a kernel               {human_memory(measured.kernel)}   ({measured.title})"
    yield ""
    own = measured.server + measured.kernel
    title = (
        f"each with {human_memory(data)} of data" if data else "without data (DATA=300M adds it)"
    )
    yield f"Participants at the same time, {title}:"
    yield _line("as measured", free, own + RULE_DATA[1] * data, own + RULE_DATA[0] * data)
    low, high = (size + times * data for size, times in zip(RULE_MEMORY, RULE_DATA, strict=True))
    yield _line("by the rule of thumb", free, high, low)
    yield "    The rule: 100 to 200 MB for each user, and 5 to 10 times the data that the user reads."
    yield f"    Its source: {RULE_SOURCE}"
    yield ""
    yield "Participants at the same time, by the tiers of the site file:"
    for tier in site.tiers:
        yield from _tier(tier, machine)
    yield "    With `memory`, each server surely has the memory of its tier. With `memory_cap`, all servers"
    yield "    can use all that they may. The Littlest JupyterHub recommends this second figure:"
    yield f"    {TLJH_SOURCE}"
    yield "    With `cpus`, each server has cores of its own. Participants who read and write code"
    yield "    rarely compute at the same time; with too few cores, cells only take longer."
    yield ""
    yield from _more(site)


def _tier(tier: Tier, machine: Machine) -> Iterator[str]:
    """Yield the lines that say how many servers of a tier fit on the machine."""
    yield f"    {tier.key}"
    yield f"        by memory ({human_memory(tier.memory)})".ljust(40) + _count(
        machine.free, tier.memory
    )
    yield f"        by memory_cap ({human_memory(tier.cap)})".ljust(40) + _count(
        machine.free, tier.cap
    )
    yield f"        by cpus ({tier.cpus})".ljust(40) + _count(machine.cores, tier.cpus)


def _line(name: str, free: int, most: int, least: int) -> str:
    """Return a line that says how many participants fit into `free` MiB, if each participant needs
    from `least` to `most` MiB."""
    few, many = free // max(most, 1), free // max(least, 1)
    return f"    {name:<22} {few}" + (f" to {many}" if many != few else "")


def _count(there: int, each: int) -> str:
    """Return how many servers fit, as text: `there` is the available memory or number of cores, and
    `each` is the amount for one server."""
    return str(there // max(each, 1))


def _more(site: Site) -> Iterator[str]:
    """Yield advice for a course with more participants than fit on the machine."""
    if any(tier.runs_on == "slurm" for tier in site.tiers):
        yield "Servers of tiers with `runs_on: slurm` run on the nodes of Slurm. For them, the figures are"
        yield "those of one node like this machine."
    yield "For more participants: lower `memory_cap` of the tiers, or stop idle servers sooner (`idle`);"
    yield "then take a larger machine; then more machines, with Slurm, where sitekit starts servers on all"
    yield "nodes (`runs_on: slurm`). docs/workshop-accounts.md explains these steps."
