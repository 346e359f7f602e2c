"""Import JupyterHub's part of the server without the hub's own application and unused libraries.

A server does not need the following modules. The imports of these modules took longer than the
imports of all modules that a server needs.

`jupyterhub.log` imports the hub's handlers for the name of one class. `jupyterhub.metrics`, which
counts the requests, and `jupyterhub.scopes`, which compares scopes, import the hub's database
(orm.py, SQLAlchemy, alembic). `jupyterhub.utils` imports SQLAlchemy for the name of one exception,
and aiohttp for a function of the hub.

`jupyterhub.httpclient` imports aiohttp. hub_requests.py replaces `jupyterhub.httpclient`.

`jupyterlab_server` imports requests for lists of blocked extensions, which a site may configure.
`jupyterlab` imports httpx to install extensions (jupyterlab/extensions/pypi.py). sitekit does not
allow this (environment/release/configure_release.py, `readonly`).

`jupyter_client` and `notebook_shim` import all of IPython for the path of one folder.

`jsonschema` imports a library for each format of strings that it can check. rfc3987_syntax builds a
grammar, and isoduration imports arrow. Without the libraries rfc3987_syntax and isoduration,
jsonschema does not check the two formats, which no schema of a server uses (jsonschema/_format.py
suppresses ImportError).

In addition, jupyterlab runs node to read the address of a registry of npm packages, as the default of
a setting for building JupyterLab (jupyterlab/commands.py, AppOptions.registry). Users cannot build.

Python still loads the real modules when a program uses them (placeholder_modules.py).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from ..imports.placeholder_modules import real, stand_ins
from . import hub_requests

WITHOUT = ("isoduration", "rfc3987_syntax")
"""Modules whose import fails in a server, as if they were not installed."""


def called(module: str, name: str) -> Callable[..., Any]:
    """Return a function that calls the function or class `name` of the real module."""

    def call(*words: Any, **settings: Any) -> Any:
        return getattr(real(module), name)(*words, **settings)

    return call


def ipython_folder() -> str:
    """Return the path of the user's IPython folder, as IPython.paths.get_ipython_dir does."""
    return os.path.realpath(os.path.expanduser(os.environ.get("IPYTHONDIR") or "~/.ipython"))


PYPI = "jupyterlab.extensions.pypi"
STAND_INS: dict[str, dict[str, dict[str, object]]] = {
    "jupyterhub.singleuser": {
        "aiohttp": {},
        "jupyterhub.handlers.pages": {"HealthCheckHandler": type("HealthCheckHandler", (), {})},
        "jupyterhub.httpclient": vars(hub_requests),
        "jupyterhub.orm": {},
        "jupyterhub.roles": {},
        "sqlalchemy": {},
        "sqlalchemy.exc": {"SQLAlchemyError": type("SQLAlchemyError", (Exception,), {})},
    },
    "jupyterlab_server.listings_handler": {"requests": {}},
    "jupyterlab.extensions": {PYPI: {"PyPIExtensionManager": called(PYPI, "PyPIExtensionManager")}},
}
"""Modules of a server, the modules that they import needlessly, and the names that they need."""

WHILE_STARTING: dict[str, dict[str, object]] = {
    "IPython.paths": {"get_ipython_dir": ipython_folder},
}
"""The same table for imports inside of functions that a server calls while it starts."""


def import_without_hub() -> ExitStack:
    """Import the modules that STAND_INS lists, with placeholders for the libraries that they do not
    need. Close the returned stack when the server has started."""
    for name in WITHOUT:
        # The type does not allow None, which makes the import fail.
        sys.modules[name] = None  # type: ignore[assignment]
    for name, modules in STAND_INS.items():
        # An image may lack the module. If it is broken, the server's own import shows the error.
        with stand_ins(modules), suppress(ImportError):
            importlib.import_module(name)
    read_no_yarn_settings()
    starting = ExitStack()
    starting.enter_context(stand_ins(WHILE_STARTING))
    return starting


def read_no_yarn_settings() -> None:
    """Make jupyterlab use its default registry, as jupyterlab does if node is not installed."""
    with suppress(ImportError):
        commands: Any = importlib.import_module("jupyterlab.commands")
        commands._yarn_config = lambda logger: {"yarn config": {}, "npm config": {}}
