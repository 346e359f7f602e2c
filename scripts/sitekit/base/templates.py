"""Load the Jinja templates of sitekit's top-level directories. An undefined variable is an error."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .data_files import data


def templates(folder: str, **filters: Callable[..., str]) -> Environment:
    """Return the templates of one of sitekit's directories, such as `systemd`.

    Values are not escaped, because the templates render configuration files. `filters` maps names
    to additional Jinja filters. Raises FileNotFoundError if the directory does not exist.
    """
    environment = _environment(folder, escape=False)
    environment.filters |= filters
    return environment


def page_templates(folder: str) -> Environment:
    """Return the templates of HTML and SVG files in one of sitekit's directories. Values are
    escaped. Raises FileNotFoundError if the directory does not exist."""
    return _environment(folder, escape=True)


def _environment(folder: str, *, escape: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(data(folder)),
        autoescape=escape,  # noqa: S701 (only for files that are not HTML)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
