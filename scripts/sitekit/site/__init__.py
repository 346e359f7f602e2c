"""Read a site file into a Site: typed, immutable, with unknown keys refused.

Errors name the line in the file.
"""

from .model import Site, load_site

__all__ = ["Site", "load_site"]
