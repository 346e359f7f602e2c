"""Define a tier: its memory, cap, CPUs, time and idle limit.

All other texts and settings about a tier follow from this object.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from ..base.errors import Unfit, shown
from .backends import BACKENDS, LOCAL
from .memory_and_time import (
    TIME_FORM,
    format_memory,
    format_time,
    human_memory,
    human_time,
    parse_memory,
    parse_time,
)
from .value_types import Account, Count, ImageKey, Paragraph, Title, spelled

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
MOST_MEMORY, MOST_TIME, MOST_GPUS = 16 * 1024 * 1024, 366 * 86400, 999
"""The limits of a tier: memory in MiB, time in seconds, GPUs of one node. The gate has the same."""


def _at_most(limit: int, shown_as: str) -> AfterValidator:
    """Return a validator that refuses larger numbers."""

    def fits(number: int) -> int:
        """Refuse a number above the limit."""
        if number > limit:
            raise Unfit("this is more than sitekit asks Slurm for", f"write at most {shown_as}")
        return number

    return AfterValidator(fits)


def _cap(text: object) -> str:
    """Check a memory cap: a factor like `5x` or an amount like `10G`."""
    word = str(text).strip()
    if re.fullmatch(r"\d{1,4}(\.\d{1,3})?x", word, re.ASCII):
        return word
    try:
        parse_memory(word)
    except ValueError:
        raise Unfit(
            f"{shown(text)} is not a memory cap", "write a factor like 5x, or an amount like 10G"
        ) from None
    return word


def _time_or_never(text: object) -> int | None:
    """Parse a time, or `never`."""
    if text == "never":
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise Unfit(f"{shown(text)} is not a time limit", f"{TIME_FORM}, or never") from None


def _format_time_or_never(seconds: int | None) -> str:
    """Format a time, or `never`."""
    return "never" if seconds is None else format_time(seconds)


def _backend(name: str) -> str:
    """Refuse a backend that does not exist."""
    if name not in BACKENDS:
        raise Unfit(
            f"{shown(name)} is nothing that servers can run on",
            f"write one of: {', '.join(BACKENDS)}",
        )
    return name


RunsOn = Annotated[str, AfterValidator(_backend)]
Key = Annotated[
    str,
    spelled(
        r"[a-z0-9][a-z0-9_-]{0,30}",
        "cannot be a tier's key",
        "use at most 31 of a-z, 0-9, '_' and '-'",
    ),
]
SlurmName = Annotated[
    str,
    spelled(_NAME, "cannot be a name in Slurm", "write one that sinfo, sacctmgr or scontrol lists"),
]
Partition = Annotated[
    str, spelled(_NAME, "cannot be the name of a partition", "write a name that `sinfo -s` lists")
]
Memory = Annotated[
    int, BeforeValidator(parse_memory), _at_most(MOST_MEMORY, "16T"), PlainSerializer(format_memory)
]
Time = Annotated[
    int, BeforeValidator(parse_time), _at_most(MOST_TIME, "366d"), PlainSerializer(format_time)
]
TimeOrNever = Annotated[
    int | None, BeforeValidator(_time_or_never), PlainSerializer(_format_time_or_never)
]


def _ordered(bounds: tuple[int, int]) -> tuple[int, int]:
    """Refuse bounds whose first value is larger than the second."""
    if bounds[0] > bounds[1]:
        raise Unfit(
            "the bounds are the wrong way round", "write the smallest first, then the largest"
        )
    return bounds


Cpus = Annotated[Count, Field(ge=1, le=4096)]
Gpus = Annotated[Count, Field(ge=0, le=MOST_GPUS)]
Nodes = Annotated[Count, Field(ge=1, le=1000)]
Tasks = Annotated[Count, Field(ge=1, le=4096)]
MemoryBounds = Annotated[tuple[Memory, Memory], AfterValidator(_ordered)]
TimeBounds = Annotated[tuple[Time, Time], AfterValidator(_ordered)]
CpuBounds = Annotated[tuple[Cpus, Cpus], AfterValidator(_ordered)]
GpuBounds = Annotated[tuple[Gpus, Gpus], AfterValidator(_ordered)]
NodeBounds = Annotated[tuple[Nodes, Nodes], AfterValidator(_ordered)]
TaskBounds = Annotated[tuple[Tasks, Tasks], AfterValidator(_ordered)]


class Row(BaseModel):
    """Define a mapping inside a section. Unknown keys are refused, and values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Requires(Row):
    """Define who may use the tier: members of a Unix group, users of a Slurm account, or both."""

    group: Account | None = None
    account: SlurmName | None = None


class Choose(Row):
    """Define the values that users may choose, each with the smallest and largest value.

    The form first shows the tier's own values. With `partitions`, users choose one of the tier's
    partitions. `qos` are names of Slurm's qualities of service.
    """

    memory: MemoryBounds | None = None
    cpus: CpuBounds | None = None
    time: TimeBounds | None = None
    gpus: GpuBounds | None = None
    nodes: NodeBounds | None = None
    tasks: TaskBounds | None = None
    partitions: bool = False
    qos: tuple[SlurmName, ...] = ()
    constraint: tuple[SlurmName, ...] = ()
    account: bool = False
    reservation: bool = False


class Tier(Row):
    """Define one tier of the form.

    Memory is in MiB, times are in seconds. If `idle` is None, idle servers are never stopped. If
    `busy` is true, a computing kernel counts as activity. `start_timeout` is the time limit for
    waiting in the queue and starting. `memory` and `gpus` are for each of the `nodes`, `tasks` is
    the number of tasks on each node, and `cpus` is for each task. `images` are the keys of the
    images from which users choose; the first one is the default, and without any the server runs in
    no container.
    """

    key: Annotated[Key, Field(examples=["small"])]
    title: Annotated[Title, Field(examples=["Small, for a first look"])]
    about: Paragraph | None = None
    runs_on: RunsOn = "slurm"
    partitions: Annotated[tuple[Partition, ...], Field(examples=[["jupyter-short"]])] = ()
    memory: Annotated[Memory, Field(examples=["2G"])]
    memory_cap: Annotated[str, BeforeValidator(_cap)] = "1x"
    cpus: Cpus = 1
    time: Annotated[Time, Field(examples=["4:00:00"])]
    idle: Annotated[TimeOrNever, Field(examples=["60m"])]
    busy: Literal["keep", "stop"] = "keep"
    start_timeout: Time = 1800
    gpus: Gpus = 0
    gpu_type: SlurmName | None = None
    nodes: Nodes = 1
    tasks: Tasks = 1
    exclusive: bool = False
    account: SlurmName | None = None
    qos: SlurmName | None = None
    reservation: SlurmName | None = None
    constraint: SlurmName | None = None
    requires: Requires = Requires()
    choose: Choose = Choose()
    images: tuple[ImageKey, ...] = ()

    @model_validator(mode="after")
    def _has_partitions(self) -> Tier:
        """Refuse a tier of a scheduler without partitions."""
        if self.runs_on not in LOCAL and not self.partitions:
            example = "`partitions: [jupyter-short]`"
            if "partitions" in self.model_fields_set:
                raise Unfit("the list is empty", f"write it like {example}", "partitions")
            raise Unfit("this key is missing", f"add it, such as {example}", "partitions")
        return self

    @model_validator(mode="after")
    def _cap_holds_request(self) -> Tier:
        """Refuse a memory cap below the requested memory."""
        if self.cap < self.memory:
            raise Unfit(
                f"the cap {self.memory_cap} of tier '{self.key}' is below its request of {format_memory(self.memory)}",
                "raise memory_cap, or lower memory",
                "memory_cap",
            )
        return self

    def cap_of(self, memory: int) -> int:
        """Return the cgroup's memory limit, in MiB, for a server that reserves `memory` MiB."""
        if self.memory_cap.endswith("x"):
            return int(memory * float(self.memory_cap[:-1]))
        return max(memory, parse_memory(self.memory_cap))

    @property
    def cap(self) -> int:
        """Return the cgroup's memory limit, in MiB."""
        if self.memory_cap.endswith("x"):
            return self.cap_of(self.memory)
        return parse_memory(self.memory_cap)

    @property
    def summary(self) -> str:
        """Return the tier as one line for the form and the documentation."""
        memory = human_memory(self.cap)
        if self.cap > self.memory:
            memory += f" of memory, {human_memory(self.memory)} of it guaranteed"
        idle = (
            "not stopped when idle"
            if self.idle is None
            else f"stopped after {human_time(self.idle)} idle"
        )
        cpus = self.cpus * self.tasks
        parts = [memory, f"{cpus} CPU{'' if cpus == 1 else 's'}"]
        if self.gpus:
            parts.append(f"{self.gpus} GPU{'' if self.gpus == 1 else 's'}")
        if self.nodes > 1:
            parts = [f"{self.nodes} nodes", *(f"{part} each" for part in parts)]
        elif self.exclusive:
            parts.append("no other jobs on the node")
        return ", ".join([*parts, human_time(self.time), idle])
