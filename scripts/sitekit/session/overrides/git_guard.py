"""Load jupyterlab-git when its panel sends the first request, and make jupyterlab-git refuse
requests of other websites. The module git_guard is an extension of Jupyter Server.

A GET request makes jupyterlab-git 0.55 run git, and git can contact the server of a repository
(jupyterlab_git/handlers.py, GitRemoteDetailsShowHandler). A link on another website could cause
such a GET request. When jupyterlab-git is loaded, it imports nbdime and nbformat
(jupyterlab_git_core/git.py). The import of nbdime and nbformat takes longer than the import of
Jupyter Server. In the hub environment, jupyterlab-git is enabled only through this module
(environment/release/configure_release.py).
"""

from __future__ import annotations

from typing import Any

from ..http_requests import request_origin
from ..imports.load_on_first_request import load_at_first_request


def guard(handlers: Any) -> None:
    """Make jupyterlab-git's handlers refuse requests that other websites cause."""
    from tornado.web import HTTPError

    for kind in (handlers.GitHandler, handlers.SSHHandler):
        before = kind.prepare

        async def prepare(handler: Any, before: Any = before) -> None:
            done = before(handler)
            if done is not None:
                await done
            if request_origin.is_foreign(handler):
                raise HTTPError(403, "no page of another site may use this")

        kind.prepare = prepare


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "sitekit.session.overrides.git_guard"}]


def _load_jupyter_server_extension(server: Any) -> None:
    load_at_first_request(server, "git", load)


def load(server: Any) -> None:
    """Load jupyterlab-git. The import of jupyterlab-git takes longer than the import of Jupyter
    Server."""
    import jupyterlab_git
    from jupyterlab_git import handlers

    guard(handlers)
    jupyterlab_git._load_jupyter_server_extension(server)
