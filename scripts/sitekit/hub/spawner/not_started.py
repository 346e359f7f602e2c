"""Define the exception for a failed start of a server. JupyterHub shows the exception's card (the
text with the reason) to the user."""

from __future__ import annotations

from jupyterhub.spawner import SpawnException

from ..messages.failed_start_cards import Card


class NotStarted(SpawnException):
    """Report that a start failed for a reason that is shown to the user. JupyterHub logs no
    traceback for this exception, and does not count the failed start as a failure of the hub.
    """

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
