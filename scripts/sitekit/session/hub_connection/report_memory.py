"""Report to the hub how much memory this server and its kernels use.

`make status`, the status page and the metrics show the last report.
"""

from __future__ import annotations

import asyncio
import json
import os

from .tls_files_in_memory import Identity

EVERY = 60.0  # seconds
CHANGE = 0.05  # a difference of at most 5 % from the last reported value is not reported
MIB = 1024**2


def memory_used() -> int:
    """Return the resident memory of this process and its descendants in MiB.

    JupyterLab's memory display (jupyter-resource-usage) sums the memory of the same processes.
    """
    import psutil

    total, own = 0, psutil.Process()
    for process in [own, *own.children(recursive=True)]:
        try:
            total += process.memory_info().rss
        except psutil.Error:  # the process has just ended
            continue
    return int(total // MIB)


def differs(value: int, last: int | None) -> bool:
    """Return whether a value differs enough from the last reported value to be reported."""
    return last is None or abs(value - last) > CHANGE * max(value, last)


async def report_memory(identity: Identity | None = None) -> None:
    """Report the memory to the hub until the server ends. Once a minute, the memory is measured,
    and reported if it has changed by more than the fraction CHANGE.

    If the hub does not answer, or is too old for these reports, the server tries again a minute
    later.
    """
    from tornado.httpclient import AsyncHTTPClient, HTTPClientError

    last: int | None = None
    while True:
        value = await asyncio.get_running_loop().run_in_executor(None, memory_used)
        if differs(value, last):
            try:
                await AsyncHTTPClient().fetch(
                    os.environ["JUPYTERHUB_API_URL"] + "/sitekit/memory",
                    method="POST",
                    headers={"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"},
                    body=json.dumps({"memory": value}),
                    request_timeout=20,
                    ssl_options=identity.calling() if identity else None,
                )
                last = value
            except (HTTPClientError, OSError):
                pass
        await asyncio.sleep(EVERY)
