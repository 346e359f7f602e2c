"""Define the section `drill` of the site file: as which users `make drill` starts servers."""

from __future__ import annotations

from typing import Literal

from .tier import Row, SlurmName
from .value_types import AbsolutePath


class Drill(Row):
    """Define whether `make drill` may start servers at this site, and as which users.

    Without `users`, it refuses. With `create`, it creates accounts on this machine for the time of
    the drill. If `users` is a path, the file contains the names of existing users, one name a line.
    Only created users get an association with `slurm_account`.
    """

    users: Literal["create"] | AbsolutePath | None = None
    slurm_account: SlurmName | None = None
