"""Load the Jinja templates of sitekit's top-level directories.

Values are not escaped as HTML, because the templates render configuration files. An undefined
variable is an error.
"""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .data_files import data


def templates(folder: str, **filters: Callable[..., str]) -> Environment:
    """Return the templates of one of sitekit's directories, such as `systemd`.

    `filters` maps names to additional Jinja filters. Raises FileNotFoundError.
    """
    environment = Environment(  # noqa: S701 (no HTML)
        loader=FileSystemLoader(data(folder)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    return environment
