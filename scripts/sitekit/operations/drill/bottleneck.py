"""Find the first bottleneck of a drill. The bottleneck is the part of the site (such as the hub or
Slurm) that made the slowest step slow. The result also contains a remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...backends.slurm.pending_reasons import NO_ROOM
from ...base.read_and_check_catalogue import translations
from ...site.sections.pages import Pages
from .compute_figures import Fault, Percentiles
from .measure_cpu_time import Use

BUSY = 0.85
"""The CPU of the hub, or all CPUs of this machine, can be the bottleneck if at least this share of
their time was used."""
SHORT = 2.0
"""If 95 of 100 users finish each step in less than this number of seconds, there is no
bottleneck."""
_ONE_CPU = (
    "JupyterHub uses one CPU: a faster CPU for the hub's machine, or starts that are spread over "
    "some minutes"
)


@dataclass(frozen=True)
class Bottleneck:
    """The bottleneck of a drill, the figures that show it, and advice about what to change."""

    what: str
    seen: str
    remedy: str


def with_english_reason(waits: Sequence[str], pages: Pages) -> list[str]:
    """Return the reasons for which jobs waited, with NO_ROOM (the text about missing free nodes) in
    English, because first_bottleneck() searches for the English text.

    The hub has translated the reasons to the language of its pages.
    """
    told = translations(pages.language, pages.catalogue).gettext(NO_ROOM)
    return [reason.replace(told, NO_ROOM) for reason in waits]


def first_bottleneck(
    phases: Mapping[str, Percentiles],
    use: Use,
    waits: Sequence[str],
    faults: Sequence[Fault],
    here: bool,
) -> Bottleneck | None:
    """Return the first bottleneck. Return None if 95 of 100 users finished each step in less than
    SHORT seconds, and the hub refused no start because of too many starts at once.

    `waits` are the reasons for which jobs waited in the queue. The argument `here` is true if the
    servers run on this machine.
    """
    if any("Too many users" in fault.message for fault in faults):
        seen = "the hub refused starts: too many at once"
        remedy = "c.JupyterHub.concurrent_spawn_limit = 200 in config/local.d/; then make apply"
        return Bottleneck("JupyterHub's limit of starts at once", seen, remedy)
    slow = {name: one.p95 for name, one in phases.items() if name not in ("start", "stopped")}
    if not slow or max(slow.values()) < SHORT:
        return None
    phase = max(slow, key=lambda name: slow[name])
    seen = f"the step {phase!r} took longest: {slow[phase]:.1f} s for 95 of 100 users"
    return _of_phase(phase, seen, use, waits, here)


def _of_phase(phase: str, seen: str, use: Use, waits: Sequence[str], here: bool) -> Bottleneck:
    """Return the bottleneck for the step `phase`, which took longest. The argument `seen` is a text
    with the measured figures of the slowest step."""
    if phase == "running" and any(NO_ROOM in reason for reason in waits):
        remedy = "more nodes in the tier's partitions, a reservation, or a smaller tier"
        return Bottleneck("Slurm's queue: no free nodes", f"{seen}; jobs waited for room", remedy)
    if use.hub >= BUSY and phase in ("login", "form", "submitted"):
        return Bottleneck("the hub's CPU", f"{seen}; the hub used {use.hub:.0%} of a CPU", _ONE_CPU)
    if use.machine >= BUSY:
        seen += f"; all {use.cpus} CPUs of this machine were busy ({use.machine:.0%})"
        if here:
            remedy = "more CPUs or nodes: each start and each kernel takes CPU time on its node"
            return Bottleneck("the CPUs of this machine, which has hub and servers", seen, remedy)
        return Bottleneck("the CPUs of the hub's machine", seen, "more CPUs for this machine")
    return {
        "login": Bottleneck("PAM or the directory of accounts", seen, "see: getent passwd USER"),
        "form": Bottleneck("the hub, or the web server", seen, "make doctor"),
        "submitted": Bottleneck(
            "the submission of jobs", seen, "see how long sbatch takes: sdiag shows slurmctld's RPCs"
        ),
        "running": Bottleneck(
            "Slurm's scheduler",
            seen,
            "SchedulerParameters=batch_sched_delay=0 in slurm.conf; sdiag shows its cycles",
        ),
        "ready": Bottleneck(
            "the start of the server on its node", seen,
            "look at the node's CPUs, and at how fast it reads the prefix and the homes",
        ),
        "first cell": Bottleneck(
            "the start of kernels on the nodes", seen,
            "look at the node's CPUs, and at how fast it reads the kernel's modules",
        ),
    }[phase]  # fmt: skip
