"""Print the routes of a running proxy, as JupyterHub's class returns them and as sitekit's class does.

The arguments are the folder of sitekit's package and the URL of the proxy's API.
"""

import asyncio
import json
import sys

sys.path.insert(0, sys.argv[1])
from jupyterhub.proxy import ConfigurableHTTPProxy

from sitekit.hub.overrides.proxy import SilentProxy


async def routes():
    kinds = (ConfigurableHTTPProxy, SilentProxy)
    return [await kind(api_url=sys.argv[2], auth_token="t").get_all_routes() for kind in kinds]


print(json.dumps(asyncio.run(routes())))
