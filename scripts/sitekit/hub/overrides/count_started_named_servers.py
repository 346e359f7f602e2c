"""Count a named server towards its user's limit only after the server was started.

JupyterHub adds a named server to its database when the form is opened, and before options are
checked (get_or_create_spawner, in handlers/pages.py and apihandlers/users.py). Without this module,
servers that were never started would count towards the limit. A server is never started if its
start is refused, or if a link on another page has only opened its form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.user import User

# number of `with` blocks that run now, by server
_requests: Counter[tuple[str, str]] = Counter()


@contextmanager
def only_if_started(handler: BaseHandler, user_name: str, server_name: str) -> Iterator[None]:
    """Remove a named server that was added while the `with` block ran, unless the server was
    started.

    If several blocks run at once for the same server, the block that ends last removes the server.
    """
    user, key = handler.find_user(user_name), (user_name, server_name)
    if (
        user is None
        or not server_name
        or (server_name in user.orm_spawners and key not in _requests)
    ):
        yield
        return
    _requests[key] += 1
    try:
        yield
    finally:
        _requests[key] -= 1
        if not _requests[key]:
            del _requests[key]
            _remove_idle(handler, user, server_name)


def _remove_idle(handler: BaseHandler, user: User, server_name: str) -> None:
    """Remove the server from JupyterHub's database, unless it is active."""
    row, spawner = user.orm_spawners.get(server_name), user.spawners.get(server_name)
    if row is not None and not (spawner and spawner.active):
        user.spawners.pop(server_name, None)
        handler.db.delete(row)
        handler.db.commit()
