"""JupyterHub's configuration: all of it follows from the site file that lies beside this one."""

from pathlib import Path

from sitekit.hub.configure import configure
from sitekit.site import load_site

here = Path(__file__).resolve().parent
configure(c, load_site(here / "site.yml"))  # noqa: F821  (JupyterHub provides c)

# The escape hatch: raw JupyterHub configuration, read last, in the order of the file names.
for extra in sorted(here.glob("local.d/*.py")):
    load_subconfig(str(extra))  # noqa: F821  (and load_subconfig)
