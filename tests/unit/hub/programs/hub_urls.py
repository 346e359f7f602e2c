"""Print the addresses and URLs that JupyterHub has for a hub with an IPv6 address.

The argument is the folder of sitekit's package.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from sitekit.base.data_files import data
from sitekit.hub.configure import update_addresses
from sitekit.site import Site, load_site

values = load_site(data("config/sites/demo.yml")).model_dump(mode="json")
values["hub"] |= {"address": "fd00::5", "port": 8081}
update_addresses(config := Config(), Site.model_validate(values))
app = JupyterHub(config=config)
app.init_hub()
print(json.dumps([app.hub.ip, app.hub.port, app.hub.bind_url, app.hub.api_url]))
