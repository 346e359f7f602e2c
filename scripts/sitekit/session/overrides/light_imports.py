"""Import JupyterHub's part of the server without the hub's own application and unused libraries.

A server does not need the following modules. The imports of these modules took longer than the
imports of all modules that a server needs.

`jupyterhub.log` imports the hub's handlers, but needs only the name of one class.
`jupyterhub.metrics` counts the requests, and `jupyterhub.scopes` compares scopes. Both import the
hub's database (orm.py, SQLAlchemy, alembic). `jupyterhub.utils` imports SQLAlchemy, but needs only
the name of one exception. `jupyterhub.utils` also imports aiohttp, which only a function of the hub
needs.

`jupyterhub.httpclient` imports aiohttp. hub_requests_with_tornado.py replaces `jupyterhub.httpclient`.

`jupyterlab_server` imports the package requests, which only lists of blocked extensions need. A
site can configure such lists. `jupyterlab` imports httpx to install extensions
(jupyterlab/extensions/pypi.py). In sitekit, users cannot install extensions
(environment/release/configure_release.py, `readonly`).

`jupyter_client` and `notebook_shim` import all of IPython, but need only the path of one folder.

`jsonschema` imports a library for each format of strings that it can check. Two of these libraries
are slow: rfc3987_syntax builds a grammar, and isoduration imports arrow. Without the two libraries,
jsonschema does not check the two formats (jsonschema/_format.py suppresses ImportError). No schema
of a server uses these formats.

In addition, jupyterlab runs node to read the address of a registry of npm packages. This address is
the default of a setting for building JupyterLab (jupyterlab/commands.py, AppOptions.registry).
Users do not need the setting, because users cannot build JupyterLab.

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
from . import hub_requests_with_tornado

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
        "jupyterhub.httpclient": vars(hub_requests_with_tornado),
        "jupyterhub.orm": {},
        "jupyterhub.roles": {},
        "sqlalchemy": {},
        "sqlalchemy.exc": {"SQLAlchemyError": type("SQLAlchemyError", (Exception,), {})},
    },
    "jupyterlab_server.listings_handler": {"requests": {}},
    "jupyterlab.extensions": {PYPI: {"PyPIExtensionManager": called(PYPI, "PyPIExtensionManager")}},
}
"""For each module of a server, this table lists the modules that are replaced by placeholders while
the module is imported, and the names that each placeholder contains."""

WHILE_STARTING: dict[str, dict[str, object]] = {
    "IPython.paths": {"get_ipython_dir": ipython_folder},
}
"""Maps further modules to the names that their placeholders contain. These modules are imported
only by functions that a server calls while it starts."""


def import_without_hub() -> ExitStack:
    """Import the modules that STAND_INS lists. Libraries that these modules do not need are
    replaced by placeholders. Close the returned stack when the server has started."""
    for name in WITHOUT:
        # None makes the import fail. The declared type of sys.modules does not allow None.
        sys.modules[name] = None  # type: ignore[assignment]
    for name, modules in STAND_INS.items():
        # The module may be missing in an image. If the module is broken, the server's own import
        # shows the error.
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
