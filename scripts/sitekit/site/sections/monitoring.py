"""Define the section `monitoring` of site.yml: who can read the hub's metrics."""

from __future__ import annotations

from ..types.value_types import ServiceAccount
from .tier import Row


class Monitoring(Row):
    """Declare the key of the section `monitoring`: the account under which Prometheus runs on the
    hub's host.

    The group of this account can read the token for the hub's metrics. Without an account, only
    root can read this token.
    """

    prometheus_user: ServiceAccount | None = None
