"""Read config/site.yml into an object of the class Site, whose values are checked and cannot be
changed. A site file with an unknown key is refused.

Each error message names the line of the site file.
"""

from .model import Site, load_site

__all__ = ["Site", "load_site"]
