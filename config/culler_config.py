"""Configure idle-culler from the site.yml beside this file, with the idle limits of its tiers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitekit.hub.culling import configure_culler, show_certificate
from sitekit.site import load_site

if TYPE_CHECKING:  # idle-culler defines this name
    c: Any = None

site = load_site(Path(__file__).resolve().with_name("site.yml"))
configure_culler(c, site)
show_certificate(c, site)
