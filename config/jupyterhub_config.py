"""Configure JupyterHub from the site.yml beside this file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitekit.hub.configure import configure
from sitekit.hub.settings_without_effect import refuse_settings_without_effect
from sitekit.site import load_site

if TYPE_CHECKING:  # JupyterHub defines these names
    c: Any = None

    def load_subconfig(fname: str) -> None: ...


here = Path(__file__).resolve().parent
configure(c, load_site(here / "site.yml"))

# JupyterHub reads the site's own configuration files last, in the order of their names.
for extra in sorted(here.glob("local.d/*.py")):
    load_subconfig(str(extra))
refuse_settings_without_effect(c, here / "local.d")
