"""The templates in the kit's top-level folders. What they make is never HTML; a name that is not
there is an error."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .data import data


def templates(folder: str, **filters: Callable[..., str]) -> Environment:
    """Those of the kit's folder `folder`, such as `systemd`, with `filters` by name. Raises
    FileNotFoundError."""
    made = Environment(  # noqa: S701 (no HTML)
        loader=FileSystemLoader(data(folder)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= filters
    return made
