"""Read the expiry times of the certificates twice: while the web server refuses, and while it answers.

The argument is the folder of sitekit's package.
"""

import asyncio
import json
import sys

sys.path.insert(0, sys.argv[1])
from types import SimpleNamespace

from sitekit.hub.status import read_certificate_expiry


async def refused(site):
    raise ConnectionRefusedError


async def shown(site):
    return b"front"


async def read(path):
    return b"internal"


read_certificate_expiry.expiry = lambda der: {b"front": 2e9, b"internal": 3e9}[der]
read_certificate_expiry._first, read_certificate_expiry.shown_by_front = read, refused
read_certificate_expiry.folder = lambda site: __import__("pathlib").Path("/")
site = SimpleNamespace(internal_tls=True)
first = (
    asyncio.run(read_certificate_expiry.read_expiries(site)),
    dict(read_certificate_expiry._expiries),
)
read_certificate_expiry.shown_by_front = shown
second = (
    asyncio.run(read_certificate_expiry.read_expiries(site)),
    dict(read_certificate_expiry._expiries),
)
print(json.dumps([first, second]))
