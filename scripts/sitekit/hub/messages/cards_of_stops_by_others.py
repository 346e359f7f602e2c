"""Build the cards for users whose server an administrator or a service, such as the culler, has
stopped.

The card (a text for the user) tells whether an administrator, the culler or another service has
stopped the server.
"""

from __future__ import annotations

from typing import Any

from ...base.language import gettext as _
from ...site import Site
from ...site.types.memory_and_time import human_time
from ..servers.activity_interval_and_stop_delay import CULLER
from .failed_start_cards import Card


def card_of_stop(site: Site, stopper: Any, owner: str, choice: dict[str, Any]) -> Card | None:
    """Return the card for a stop by `stopper`; None if the owner stopped the server.

    `stopper` is JupyterHub's object for the user or the service that sent the request.
    """
    if stopper.kind == "user":
        if stopper.name == owner:
            return None
        return Card(
            "stopped",
            _("An administrator of the hub stopped your server."),
            _("Start it again, or ask the administrators for the reason."),
        )
    if stopper.name != CULLER:
        return Card(
            "stopped",
            _("The service {name} stopped your server.", name=stopper.name),
            _("Start it again when you need it."),
        )
    idle = next((tier.idle for tier in site.tiers if tier.key == choice.get("tier")), None)
    idle = choice.get("idle", idle)  # a server of a course, or of an earlier site file
    what = _("The server was stopped because nobody had used it for too long.")
    if idle:
        what += " " + _("The limit of its tier is {time}.", time=human_time(idle))
    return Card(
        "idle",
        what,
        _("Start it again when you need it; your files are as you left them."),
        {"tier": str(choice.get("title", ""))},
    )
