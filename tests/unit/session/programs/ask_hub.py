"""Send requests with session/overrides/hub_requests_with_tornado.py to the address argv[2]; print the answers.

argv[1] is the checkout's scripts, argv[3] the authority's certificate.
"""

import asyncio
import json
import ssl
import sys

sys.path.insert(0, sys.argv[1])
from sitekit.session.overrides.hub_requests_with_tornado import fetch

trusting = ssl.create_default_context(cafile=sys.argv[3])
strange = ssl.create_default_context()


async def tried(**settings: object) -> object:
    try:
        answer = await fetch(sys.argv[2], **settings)
        return [answer.status, answer.headers.get("X-JupyterHub-Version"), await answer.text()]
    except Exception as error:
        return type(error).__name__


async def main() -> list[object]:
    return [
        await tried(ssl=trusting),
        await tried(ssl=trusting, method="POST", data=b"a=1", headers={"Authorization": "token t"}),
        await tried(ssl=trusting, method="PUT", raise_for_status=False),
        await tried(ssl=trusting, method="PUT"),
        await tried(ssl=strange),
    ]


print(json.dumps(asyncio.run(main())))
