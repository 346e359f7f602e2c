"""idle-culler's configuration: how long a server may be idle follows from its tier."""

from pathlib import Path

from sitekit.hub.culling import configure_culler
from sitekit.site import load_site

configure_culler(c, load_site(Path(__file__).resolve().with_name("site.yml")))  # noqa: F821  (idle-culler provides c)
