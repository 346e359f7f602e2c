"""Create the backends that the site's tiers name in their key `runs_on`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ..base.errors import Problem
from ..site import Site
from ..site.backend_names import BACKENDS
from .interface import Backend
from .start_and_job_records import Work


def backends_of(
    site: Site, open_work: Callable[[str], Iterable[Work]], in_use: Iterable[str] = ()
) -> dict[str, Backend]:
    """Create the site's backends, and return a mapping: name of the backend -> backend.

    `open_work(name)` must return the servers of that backend whose jobs may still exist. `in_use`
    names the backends of all servers that may still run, even if no tier names these backends any
    more. Raises Problem if this version of sitekit does not contain one of these backends.
    """
    names = dict.fromkeys([*(tier.runs_on for tier in site.tiers), *in_use])
    backends = {}
    for name in names:
        if name not in BACKENDS:
            raise Problem(
                f"servers run on {name}, which this version of sitekit cannot use",
                remedy="run the release that started them: make rollback",
            )
        backend_class = load_object(BACKENDS[name])
        backends[name] = backend_class(site, partial(open_work, name))
    return backends


def load_object(path: str) -> Any:
    """Import and return an object that is given as `module:name`."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
