"""Sort the steps of a start, and find the first stage that the start has not reached."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .step import Step

STAGES: Mapping[str, tuple[str, str, str]] = {
    "requested": ("ledger", "the hub recorded the request", "look at the hub's log"),
    "submitted": (
        "ledger",
        "the gate submitted the job",
        "make doctor CHECK=sudo,slurm USER={user}",
    ),
    "started": ("slurm", "Slurm started the job", "squeue --start --jobs={job}"),
    "node": (
        "node",
        "the server's program began on the node",
        "make doctor CHECK=node,release NODES=1 USER={user}",
    ),
    "network": (
        "node",
        "the node reached the hub",
        "make doctor CHECK=network NODES=1 USER={user}",
    ),
    "bound": ("node", "the server listened on its port", "read the job's log"),
    "listening": ("ledger", "the server reported its port to the hub", "read the job's log"),
    "opened": ("hub", "the hub found the node's address", "scontrol show job {job}"),
}
"""The stages of a start in order. For each stage: the log that shows the stage, its description,
and what to examine if the start has not reached the stage.

In the third text, {user} and {job} are replaced by the user's name and the job's id.
"""
OTHERS_NEXT: Mapping[str, str] = {
    "submitted": "look at the gate's lines in the journal",
    "listening": "read the server's log",
    "opened": "look at the hub's log",
}
"""What to examine for servers with Docker or systemd: stage -> text, in place of the text in
STAGES."""


def stages_of(backend: str) -> Mapping[str, tuple[str, str, str]]:
    """Return the stages of a start on this backend, in order. Without Slurm, the stages of Slurm
    and of the node's log are omitted."""
    if backend == "slurm":
        return STAGES
    return {
        stage: (source, what, OTHERS_NEXT.get(stage, where))
        for stage, (source, what, where) in STAGES.items()
        if source not in ("slurm", "node")
    }


@dataclass(frozen=True)
class Story:
    """The steps of a start in order.

    If the start has failed, `failed` is the first stage that the start has certainly not reached;
    otherwise "". `unsure` has the stages of which it is not known whether they were reached,
    because a source could not be read. `under_way` is true if the start is not finished.
    """

    steps: tuple[Step, ...]
    failed: str = ""
    unsure: tuple[str, ...] = ()
    under_way: bool = False


def order_steps(
    steps: Collection[Step], unread: Collection[str], *, over: bool, backend: str = "slurm"
) -> Story:
    """Sort the steps of a start by stage and time, and return the sorted steps as a Story. `unread`
    has the names of the sources (such as the hub's log) that could not be read.

    `over` is true if the ledger says that the server has ended, or that the server was to be
    stopped. If `over` is true and the server was never opened, the start has failed at the first
    missing stage.
    """
    stages = stages_of(backend)
    order = list(stages)
    reached = {step.stage for step in steps if step.stage in stages}
    last = max((order.index(stage) for stage in reached), default=-1)
    ordered = tuple(sorted(steps))
    if last == len(order) - 1:
        return Story(ordered)
    # The hub has opened a server that listens, or opens the server now. Only the hub's log shows
    # which of the two is true.
    listens = last == len(order) - 2 and "hub" in unread
    if not over and "ledger" not in unread and not listens:
        return Story(ordered, under_way=True)
    unsure = [] if over else order[last + 1 :]
    if unsure:
        return Story(ordered, unsure=tuple(unsure))
    for stage in order[last + 1 :]:
        if stages[stage][0] in unread:
            unsure.append(stage)
            continue
        return Story(ordered, stage, tuple(unsure))
    return Story(ordered, unsure=tuple(unsure))
