"""What one server gets: the figures of its tier with what its user chose. This is what a backend is
asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..site.tier import Tier


@dataclass(frozen=True)
class Choice:
    """What one server gets. Memory in MiB, time in seconds; an empty text where the backend's
    default is to hold.

    `memory` is reserved, `cap` is what the cgroup allows. `interface` is the title of the page that
    it opens.
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
    account: str = ""
    qos: str = ""
    reservation: str = ""
    constraint: str = ""
    interface: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the ledger, as JSON."""
        return {**asdict(self), "partitions": list(self.partitions)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Choice:
        """What `as_dict` made, perhaps by another release: unknown keys are left out."""
        known = {field.name: stored[field.name] for field in fields(cls) if field.name in stored}
        return cls(**{**known, "partitions": tuple(stored.get("partitions", ()))})

    @property
    def gres(self) -> str:
        """The GPUs as Slurm's --gres wants them; empty without any."""
        return ":".join(filter(None, ("gpu", self.gpu_type, str(self.gpus)))) if self.gpus else ""

    @classmethod
    def of(cls, tier: Tier) -> Choice:
        """The tier's own figures."""
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
            **{name: getattr(tier, name) or "" for name in names},
        )
