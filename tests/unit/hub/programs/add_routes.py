"""Add the routes of three servers, one of which has reported no port; print what was added.

The argument is the folder of sitekit's package.
"""

import asyncio
import json
import sys
from types import SimpleNamespace

sys.path.insert(0, sys.argv[1])
from sitekit.hub.ledger.ledger import LedgerTrouble
from sitekit.hub.overrides.proxy import SilentProxy

added = []


class Ledger:
    def record_ready(self, tag):
        added.append(tag)
        raise LedgerTrouble("the disk is full")


class Proxy(SilentProxy):
    hub_state = SimpleNamespace(ledger=Ledger())

    async def add_route(self, routespec, target, data):
        added.append(routespec)


def user(child):
    server = SimpleNamespace(host="http://hub:44651")
    spawner = SimpleNamespace(
        child_spawner=child, proxy_spec=f"/{len(added)}/", server=server, pending=None
    )
    return SimpleNamespace(name="u", spawners={"": spawner})


async def add():
    silent = SimpleNamespace(reported_port=lambda: 0)
    ready = SimpleNamespace(reported_port=lambda: 20000, tag="ready")
    for child in (None, silent, ready):
        await Proxy(auth_token="t").add_user(user(child))


asyncio.run(add())
print(json.dumps(added))
