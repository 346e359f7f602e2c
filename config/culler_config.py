"""Configure idle-culler, with the idle limits of the site's tiers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitekit.hub.culling import configure_culler, show_certificate
from sitekit.site import load_site

if TYPE_CHECKING:  # idle-culler provides it
    c: Any = None

site = load_site(Path(__file__).resolve().with_name("site.yml"))
configure_culler(c, site)
show_certificate(c, site)
