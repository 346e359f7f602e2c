"""What a site does each day by itself: the sections `kernels.check` and `backup` of a site file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from .tier import Memory, Partition, Row, SlurmName, Time
from .value_types import AbsolutePath, ClockTime, Count


class KernelCheck(Row):
    """How `make kernels_check` starts all published kernels again: when, where, and what becomes of
    one that fails.

    Without a partition it does so on its own host; with one, in a job there. `memory` is in MiB,
    `time` in seconds.
    """

    at: ClockTime = "04:00"
    partition: Partition | None = None
    account: SlurmName | None = None
    memory: Memory = 2048
    time: Time = 1800
    on_failure: Literal["hide", "flag"] = "hide"
    publish_new: bool = False


class Backup(Row):
    """The database, secrets and configuration, once a day; `keep` is how many backups stay."""

    at: ClockTime = "03:30"
    keep: Annotated[Count, Field(ge=1, le=1000)] = 14
    folder: AbsolutePath = Path("/var/backups/sitekit")
