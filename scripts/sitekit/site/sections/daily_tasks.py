"""Define the settings of the daily tasks: the sections `kernels.check` and `backup` of site.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ..types.value_types import AbsolutePath, ClockTime, Count
from .tier import Memory, Partition, Row, SlurmName, Time


class KernelCheck(Row):
    """Declare the keys of `kernels.check`: when and where `make kernels_check` starts all kernels,
    and what happens to kernels that fail.

    With `partition`, the kernels start in a Slurm job in this partition. Without `partition`, the
    kernels start on the hub's host. `memory` is in MiB, and `time` is in seconds.
    """

    at: ClockTime = "04:00"
    partition: Partition | None = None
    account: SlurmName | None = None
    memory: Memory = 2048
    time: Time = 1800
    on_failure: Literal["hide", "flag"] = "hide"
    publish_new: bool = False


class Backup(Row):
    """Declare the keys of the section `backup`: when sitekit makes the daily backup of database,
    secrets and configuration, and where. The newest `keep` backups are kept.
    """

    at: ClockTime = "03:30"
    keep: Annotated[Count, Field(ge=1, le=1000)] = 14
    folder: AbsolutePath = Path("/var/backups/sitekit")
