"""Read config/site.yml into a Site object, which is typed and immutable. Unknown keys are refused.

Each error message has the number of the line in the site file.
"""

from .model import Site, load_site

__all__ = ["Site", "load_site"]
