"""Give the templates of the hub's pages the descriptions of the user's own servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..messages.describe_server import ServerModel, describe, describe_all
from ..messages.format_times import format_clock_time, format_duration
from ..messages.progress_text import PHASES
from ..servers.shared_objects import HubState


def template_variables(hub_state: HubState) -> dict[str, Callable[[Any], Any]]:
    """Return the variables for c.JupyterHub.template_vars. Each variable is a function, which
    JupyterHub calls with the user of the page.

    On a page about another user's server, the variables contain nothing about the owner's servers.
    """

    def one_of(user: Any) -> Callable[[Any, str], ServerModel | None]:
        def server(owner: Any, name: str) -> ServerModel | None:
            own = user is not None and owner is not None and owner.name == user.name
            return describe(hub_state, user, name) if own else None

        return server

    def all_of(user: Any) -> Callable[[], list[ServerModel]]:
        return lambda: describe_all(hub_state, user)

    return {
        "sitekit_server": one_of,
        "sitekit_servers": all_of,
        "sitekit_clock": lambda _user: format_clock_time,
        "sitekit_span": lambda _user: format_duration,
        "sitekit_phases": lambda _user: PHASES,
    }
