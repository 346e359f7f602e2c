"""A tier: request, cap, time and idle limit as one object, and the only place where its figures stand."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from .errors import Unfit, shown
from .kinds import Count, Title
from .units import TIME_FORM, format_memory, format_time, human_memory, human_time, parse_memory, parse_time


def _key(word: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,30}", word):
        raise Unfit(f"{shown(word)} cannot be a tier's key", "use at most 31 of a-z, 0-9, '_' and '-'")
    return word


def _slurm_name(word: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", word):
        raise Unfit(f"{shown(word)} cannot be the name of a partition", "write a name that `sinfo -s` lists")
    return word


def _cap(text: object) -> str:
    word = str(text).strip()
    if re.fullmatch(r"\d{1,4}(\.\d{1,3})?x", word, re.ASCII):
        return word
    try:
        parse_memory(word)
    except ValueError:
        raise Unfit(f"{shown(text)} is not a memory cap", "write a factor like 5x, or an amount like 10G") from None
    return word


def _idle(text: object) -> int | None:
    if text == "never":
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise Unfit(f"{shown(text)} is not an idle limit", f"{TIME_FORM}, or never") from None


def _format_idle(seconds: int | None) -> str:
    return "never" if seconds is None else format_time(seconds)


SlurmName = Annotated[str, AfterValidator(_slurm_name)]
Memory = Annotated[int, BeforeValidator(parse_memory), PlainSerializer(format_memory)]
Time = Annotated[int, BeforeValidator(parse_time), PlainSerializer(format_time)]
Idle = Annotated[int | None, BeforeValidator(_idle), PlainSerializer(_format_idle)]


class Tier(BaseModel):
    """One row of the form. Memory is in MiB, times are in seconds; `idle` None means never culled;
    `start_timeout` is how long a server may wait in the queue and start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[str, AfterValidator(_key), Field(examples=["small"])]
    title: Annotated[Title, Field(examples=["Small, for a first look"])]
    partitions: Annotated[tuple[SlurmName, ...], Field(min_length=1, examples=[["jupyter-short"]])]
    memory: Annotated[Memory, Field(examples=["2G"])]
    memory_cap: Annotated[str, BeforeValidator(_cap)] = "1x"
    cpus: Annotated[Count, Field(ge=1, le=4096)] = 1
    time: Annotated[Time, Field(examples=["4:00:00"])]
    idle: Annotated[Idle, Field(examples=["60m"])]
    start_timeout: Time = 1800

    @model_validator(mode="after")
    def _cap_holds_request(self) -> Tier:
        if self.cap < self.memory:
            raise Unfit(
                f"the cap {self.memory_cap} of tier '{self.key}' is below its request of {format_memory(self.memory)}",
                "raise memory_cap, or lower memory",
                "memory_cap",
            )
        return self

    @property
    def cap(self) -> int:
        """What the cgroup allows, in MiB."""
        if self.memory_cap.endswith("x"):
            return int(self.memory * float(self.memory_cap[:-1]))
        return parse_memory(self.memory_cap)

    @property
    def summary(self) -> str:
        """The tier in one line for the form and the documentation."""
        memory = human_memory(self.memory)
        if self.cap > self.memory:
            memory += f" (up to {human_memory(self.cap)})"
        idle = "not stopped when idle" if self.idle is None else f"stopped after {human_time(self.idle)} idle"
        cpus = f"{self.cpus} CPU{'' if self.cpus == 1 else 's'}"
        return f"{memory}, {cpus}, {human_time(self.time)}, {idle}"
