"""Define which partitions and nodes an operator has drained. No new servers start there.

A drain changes nothing in Slurm. When the hub submits a job, the hub does not request drained
partitions, and excludes drained nodes. Other jobs still start on drained nodes and in drained
partitions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...backends.resource_choice import Choice
from ...backends.start_and_job_records import Job
from ...site.sections.tier import Tier

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""The form of a node's or partition's name, as scripts/gate accepts it."""
MOST = 50  # the highest number of drained nodes and partitions


@dataclass(frozen=True)
class Drains:
    """Hold the drained partitions and nodes. For each name, the dictionary contains the operator's
    text about the drain."""

    partitions: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)

    def left(self, partitions: Sequence[str]) -> tuple[str, ...]:
        """Return the partitions that are not drained."""
        return tuple(name for name in partitions if name not in self.partitions)

    def reason(self, tier: Tier) -> str:
        """Return the reason if all partitions of the tier are drained; otherwise return ""."""
        if not tier.partitions or self.left(tier.partitions):
            return ""
        return self.partitions[tier.partitions[0]]

    def apply(self, choice: Choice, tier: Tier) -> Choice:
        """Return the choice without the drained partitions, and with the drained nodes excluded."""
        nodes = ",".join(sorted(self.nodes)) if tier.runs_on == "slurm" else ""
        return replace(choice, partitions=self.left(choice.partitions), exclude=nodes)

    def text_for(self, job: Job | None) -> str:
        """Return the text for the user of this job; "" if the job does not run on a drained node or
        in a drained partition."""
        if job is None or not job.running:
            return ""
        found = [self.nodes.get(job.host, ""), self.partitions.get(job.queue, "")]
        return next((text for text in found if text), "")
