"""Read the expiry times of the certificates twice: while the web server refuses, and while it answers.

The argument is the folder of sitekit's package.
"""

import asyncio
import json
import sys

sys.path.insert(0, sys.argv[1])
from types import SimpleNamespace

from sitekit.hub.status import certificates


async def refused(site):
    raise ConnectionRefusedError


async def shown(site):
    return b"front"


async def read(path):
    return b"internal"


certificates.expiry = lambda der: {b"front": 2e9, b"internal": 3e9}[der]
certificates._first, certificates.shown_by_front = read, refused
certificates.folder = lambda site: __import__("pathlib").Path("/")
site = SimpleNamespace(internal_tls=True)
first = asyncio.run(certificates.read_expiries(site)), dict(certificates._expiries)
certificates.shown_by_front = shown
second = asyncio.run(certificates.read_expiries(site)), dict(certificates._expiries)
print(json.dumps([first, second]))
