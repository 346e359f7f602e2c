"""idle-culler's configuration: how long a server may be idle follows from its tier."""

from pathlib import Path

from sitekit.hub.culling import configure_culler, show_certificate
from sitekit.site import load_site

site = load_site(Path(__file__).resolve().with_name("site.yml"))
configure_culler(c, site)  # noqa: F821  (idle-culler provides c)
show_certificate(c, site)  # noqa: F821
