"""Create API tokens of the hub, with which a drill starts users' servers. Revoke the tokens after
the drill."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...machine.run.run_as_hub_account import run_hub_program
from ...site import Site

STOPPING = 600
"""The part of a token's lifetime in which the drill stops all servers, in seconds. One more second
is added for each server."""
SUBMITTING = 90
"""Seconds that the hub adds to a tier's start_timeout (hub/spawner/tier_spawner.py)."""


@contextmanager
def tokens(
    site: Site, title: str, users: list[str], seconds: int, access: bool = False
) -> Iterator[dict[str, str]]:
    """Yield an API token for each user: user name -> token. Each token is valid for `seconds`
    seconds, and is revoked after the `with` block.

    JupyterHub's page of API tokens shows users the text `title`. If `access` is true, the token
    also gives access to the user's server.
    """
    note = f"{title} {secrets.token_hex(8)}"
    try:
        wanted = {"note": note, "users": users, "seconds": seconds, "access": access}
        yield _tokens(site, wanted)
    finally:
        _tokens(site, {"note": note, "end": True})


def _tokens(site: Site, asked: dict[str, Any]) -> dict[str, str]:
    """Run the program that creates or revokes the tokens, with the input `asked`; return the
    tokens."""
    words = ["-m", "sitekit.hub.login.drill_tokens"]
    made: dict[str, str] = run_hub_program(site, words, asked, timeout=120)
    return made
