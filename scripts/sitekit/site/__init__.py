"""A site file, read into a Site: typed, frozen, unknown keys refused, errors with line numbers."""

from .model import Site, load_site

__all__ = ["Site", "load_site"]
