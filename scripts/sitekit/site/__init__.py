"""Read a site file into a Site, which is typed and immutable; refuse unknown keys.

Each error names the line in the site file.
"""

from .model import Site, load_site

__all__ = ["Site", "load_site"]
