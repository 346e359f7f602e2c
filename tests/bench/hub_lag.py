"""A file of config/local.d for the bench's hub: a page with the lag of the hub's event loop since the
last request, in milliseconds, and how many servers are ready.

With `?measure=1` the lag is measured from this request on, and without it no more: measuring takes
nearly 1 % of a core."""

import asyncio
import json
from typing import Any

from jupyterhub.handlers.base import BaseHandler

c: Any = globals()["c"]  # JupyterHub defines it
LAGS = []
TASKS = []


async def measure_lag():
    """How much later than wanted the event loop runs a task, 50 times a second."""
    loop = asyncio.get_running_loop()
    while True:
        wanted = loop.time() + 0.02
        await asyncio.sleep(0.02)
        LAGS.append(loop.time() - wanted)


class Lag(BaseHandler):
    def get(self):
        if self.get_query_argument("measure", ""):
            TASKS[:] = TASKS or [asyncio.ensure_future(measure_lag())]
        elif TASKS:
            TASKS.pop().cancel()
        lags = sorted(LAGS) or [0.0]
        LAGS.clear()
        p99, most = (round(1000 * lags[int(part * (len(lags) - 1))], 1) for part in (0.99, 1))
        ready = sum(
            spawner.ready for user in self.users.values() for spawner in user.spawners.values()
        )
        self.finish(json.dumps({"p99": p99, "most": most, "ready": ready}))


c.JupyterHub.extra_handlers.extend([(r"/bench/lag", Lag)])
