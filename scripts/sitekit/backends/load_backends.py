"""Create the backends that the site's tiers name in their key `runs_on`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ..site import Site
from ..site.backends import BACKENDS
from .interface import Backend
from .job import Work


def backends_of(site: Site, open_work: Callable[[str], Iterable[Work]]) -> dict[str, Backend]:
    """Return the site's backends by name.

    `open_work(name)` must return the servers of that backend whose jobs may still exist.
    """
    names = dict.fromkeys(tier.runs_on for tier in site.tiers)
    backends = {}
    for name in names:
        backend_class = load_object(BACKENDS[name])
        backends[name] = backend_class(site, partial(open_work, name))
    return backends


def load_object(path: str) -> Any:
    """Import and return an object that is given as `module:name`."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
