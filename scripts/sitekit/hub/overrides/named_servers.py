"""A named server counts towards its user's limit when it has been started, not when somebody has
asked for it.

JupyterHub adds it to its database when the form is opened, and before options are checked
(get_or_create_spawner, in handlers/pages.py and apihandlers/users.py): refused starts, or links on
other pages, would use up the limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.user import User

# those under way for a server that was new to the first of them
_requests: Counter[tuple[str, str]] = Counter()


@contextmanager
def only_if_started(handler: BaseHandler, user_name: str, server_name: str) -> Iterator[None]:
    """A server that the block adds goes again, unless it has been started by the end of the last
    such block."""
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
    row, spawner = user.orm_spawners.get(server_name), user.spawners.get(server_name)
    if row is not None and not (spawner and spawner.active):
        user.spawners.pop(server_name, None)
        handler.db.delete(row)
        handler.db.commit()
