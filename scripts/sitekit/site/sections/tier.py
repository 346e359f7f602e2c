"""Define a tier: a size of servers that users choose in the form, with memory, CPUs, time limit and
idle limit.

sitekit derives all texts and settings about a tier from an object of the class Tier.
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

from ...base.errors import Unfit, shown
from ...base.language import gettext as _
from ...base.language import ngettext
from ..backend_names import BACKENDS, LOCAL
from ..types.memory_and_time import (
    TIME_FORM,
    format_memory,
    format_time,
    human_memory,
    human_time,
    parse_memory,
    parse_time,
)
from ..types.value_types import Account, Count, ImageKey, Paragraph, Title, spelled

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
MOST_MEMORY, MOST_TIME, MOST_GPUS = 16 * 1024 * 1024, 366 * 86400, 999
"""The largest values of a tier: memory in MiB, time in seconds, GPUs of one node. The gate has the
same limits."""


def _at_most(limit: int, shown_as: str) -> AfterValidator:
    """Return a validator that refuses numbers larger than `limit`."""

    def fits(number: int) -> int:
        """Refuse a number larger than the limit."""
        if number > limit:
            raise Unfit(
                "this is more than sitekit can request from Slurm", f"write at most {shown_as}"
            )
        return number

    return AfterValidator(fits)


def _cap(text: object) -> str:
    """Accept only a memory cap that is a factor like `5x` or an amount like `10G`."""
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
    """Convert a duration such as `60m` to seconds, and `never` to None."""
    if text == "never":
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise Unfit(f"{shown(text)} is not a time limit", f"{TIME_FORM}, or never") from None


def _format_time_or_never(seconds: int | None) -> str:
    """Convert seconds to a duration such as `1:00:00`, and None to `never`."""
    return "never" if seconds is None else format_time(seconds)


def _backend(name: str) -> str:
    """Accept only the name of a backend, such as `slurm`."""
    if name not in BACKENDS:
        raise Unfit(
            f"{shown(name)} is not a backend that runs servers",
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
            "the first bound is larger than the second",
            "write the smallest first, then the largest",
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
    """The base class of mappings in a site file. Unknown keys are refused, and the program cannot
    change the values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


class Requires(Row):
    """Declare the keys of `requires`: who is allowed to use the tier. If both keys are set, a user
    needs both the Unix group and the Slurm account.
    """

    group: Account | None = None
    account: SlurmName | None = None


class Choose(Row):
    """Declare the keys of `choose`: which values of the tier users can change in the form. Each
    number has a smallest and a largest value.

    The form first shows the tier's own values. If `partitions` is true, users choose one of the
    tier's partitions. `qos` lists the QOS (quality of service) of Slurm from which users choose.
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
    """Declare the keys of one tier: a size of servers that users choose in the form.

    Memory is in MiB, times are in seconds. If `idle` is None, idle servers are never stopped. With
    `busy: keep`, a server whose kernel computes does not count as idle. `start_timeout` is the
    longest time that a server is allowed to wait in the queue and to start. `memory` and `gpus` are
    for each of the `nodes`. `tasks` is the number of tasks on each node, and `cpus` is for each
    task. `images` are the keys of the container images from which users choose; the first image is
    the default. If `images` is empty, the server runs in no container.
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
        """Refuse a tier on Slurm that names no partition."""
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
        """Return a description of the tier in one line, for the form and the documentation."""
        memory = human_memory(self.cap)
        if self.cap > self.memory:
            guaranteed = human_memory(self.memory)
            memory = _(
                "{cap} of memory, {guaranteed} of it guaranteed", cap=memory, guaranteed=guaranteed
            )
        idle = (
            _("not stopped when idle")
            if self.idle is None
            else _("stopped after {time} idle", time=human_time(self.idle))
        )
        parts = [memory, ngettext("1 CPU", "{count} CPUs", self.cpus * self.tasks)]
        if self.gpus:
            parts.append(ngettext("1 GPU", "{count} GPUs", self.gpus))
        if self.nodes > 1:
            nodes = ngettext("1 node", "{count} nodes", self.nodes)
            parts = [nodes, *(_("{part} each", part=part) for part in parts)]
        elif self.exclusive:
            parts.append(_("no other jobs on the node"))
        return ", ".join([*parts, human_time(self.time), idle])
