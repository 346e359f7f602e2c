"""The backends of a site, made from the names that its tiers use in `runs_on`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ..site import Site
from ..site.backends import BACKENDS
from .interface import Backend, Work


def backends_of(site: Site, open_work: Callable[[str], Iterable[Work]]) -> dict[str, Backend]:
    """Name -> backend. `open_work(name)` returns the servers on that backend whose jobs may exist."""
    names = dict.fromkeys(tier.runs_on for tier in site.tiers)
    return {name: named(BACKENDS[name])(site, partial(open_work, name)) for name in names}


def named(path: str) -> Any:
    """What a path of the form `module:name` means."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
