"""Define the class Choice: the resources of one server, such as memory, CPUs and time. A choice
comes from a tier (a size of servers that the site offers) and from the user's own input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..site.sections.tier import Tier


@dataclass(frozen=True)
class Choice:
    """The resources of one server. Memory is in MiB, time in seconds.

    If a text field is empty, the backend's default is used. `memory` is the reserved memory, and
    `cap` is the memory limit of the cgroup. `memory`, `cap` and `gpus` are for each of the `nodes`.
    `tasks` is the number of tasks on each node, and `cpus` is for each task. With `exclusive`, no
    other job runs on the nodes. `interface` is the title of the page that the server opens. `image`
    is the key of the container image; empty without a container. `course` is the name of the course
    to which the server belongs; empty without a course. `idle` is the tier's idle limit in seconds;
    None without a limit. `exclude` are the names of drained nodes, with commas between them.
    """

    tier: str = ""
    title: str = ""
    partitions: tuple[str, ...] = ()
    memory: int = 0
    cap: int = 0
    cpus: int = 0
    time: int = 0
    gpus: int = 0
    gpu_type: str = ""
    nodes: int = 1
    tasks: int = 1
    exclusive: bool = False
    account: str = ""
    qos: str = ""
    reservation: str = ""
    constraint: str = ""
    interface: str = ""
    image: str = ""
    course: str = ""
    idle: int | None = None
    exclude: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the choice as a dict that the hub can store in the ledger as JSON."""
        return {**asdict(self), "partitions": list(self.partitions)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Choice:
        """Convert a dict that `as_dict` has returned to a Choice. Another release may have written
        the dict.

        Unknown keys in the dict are ignored.
        """
        known = {field.name: stored[field.name] for field in fields(cls) if field.name in stored}
        known["partitions"] = tuple(stored.get("partitions", ()))
        return cls(**known)

    @property
    def gres(self) -> str:
        """Return the GPUs as a value for Slurm's option --gres, such as `gpu:a100:2`; "" without
        GPUs.
        """
        if not self.gpus:
            return ""
        return ":".join(filter(None, ("gpu", self.gpu_type, str(self.gpus))))

    @classmethod
    def of(cls, tier: Tier) -> Choice:
        """Return the resources that the tier sets, without any value that a user has chosen."""
        names = ("gpu_type", "account", "qos", "reservation", "constraint")
        return cls(
            tier=tier.key,
            title=tier.title,
            partitions=tier.partitions,
            memory=tier.memory,
            cap=tier.cap,
            cpus=tier.cpus,
            time=tier.time,
            gpus=tier.gpus,
            idle=tier.idle,
            nodes=tier.nodes,
            tasks=tier.tasks,
            exclusive=tier.exclusive,
            image=next(iter(tier.images), ""),
            **{name: getattr(tier, name) or "" for name in names},
        )
