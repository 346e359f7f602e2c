"""The exception of a start that failed: JupyterHub shows its card to the user."""

from __future__ import annotations

from jupyterhub.spawner import SpawnException

from ..messages.cards import Card


class NotStarted(SpawnException):
    """A start that failed for a reason that its user can read. Not the hub's fault: no traceback,
    no failure count."""

    def __init__(self, card: Card) -> None:
        super().__init__(
            f"{card.what} {card.remedy}",
            reason=card.kind,
            message_html=card.as_html(),
            status_code=503,
        )
        self.jupyterhub_message = f"{card.what} {card.remedy}"
        self.jupyterhub_html_message = card.as_html()
        self.card = card
