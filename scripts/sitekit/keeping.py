"""The section `backup` of a site file: when the nightly backup is made, and how many of them stay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from .kinds import AbsolutePath, ClockTime, Count
from .tier import Row


class Backup(Row):
    """The database, secrets and configuration, once a day; `keep` is how many backups stay."""

    at: ClockTime = "03:30"
    keep: Annotated[Count, Field(ge=1, le=1000)] = 14
    folder: AbsolutePath = Path("/var/backups/sitekit")
