"""Define the section `drill` of site.yml: for which users `make drill` starts servers."""

from __future__ import annotations

from typing import Literal

from ..types.value_types import AbsolutePath
from .tier import Row, SlurmName


class Drill(Row):
    """Declare the keys of the section `drill`: whether `make drill` is allowed to start servers at
    this site, and for which users.

    Without `users`, `make drill` starts no servers. If `users` is `create`, `make drill` creates
    Unix accounts on this machine, and removes these accounts at its end. If `users` is a path, the
    file at this path contains the names of existing users, one name a line. `make drill` adds
    associations with the Slurm account `slurm_account` only for the users that it creates.
    """

    users: Literal["create"] | AbsolutePath | None = None
    slurm_account: SlurmName | None = None
