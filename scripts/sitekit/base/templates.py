"""Load the templates in the kit's top-level folders.

The output is not HTML and is not escaped. An undefined variable is an error.
"""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .data import data


def templates(folder: str, **filters: Callable[..., str]) -> Environment:
    """Return the templates of a folder, such as `systemd`, with `filters` by name.

    Raises FileNotFoundError.
    """
    made = Environment(  # noqa: S701 (no HTML)
        loader=FileSystemLoader(data(folder)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= filters
    return made
