"""The hub's log: what an attack made the hub write there, to the last line."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx

from sitekit.contracts.internal_tls import client_context, hub_url
from sitekit.site import Site

from ..slurm import until


def hub_log(site: Site) -> Path:
    return site.log / f"{site.service('hub')}.log"


def end_of_log(site: Site) -> int:
    """Where the log ends, in bytes, once all is in it that was said until now: another process
    writes it."""
    mark = uuid.uuid4().hex
    start = hub_log(site).stat().st_size
    httpx.get(f"{hub_url(site)}/hub/{mark}", verify=client_context(site, "proxy"), timeout=90)
    until(lambda: mark.encode() in _since(site, start), every=0.02)
    return hub_log(site).stat().st_size


def logged(site: Site, start: int) -> bytes:
    """What the hub has said since the log ended at `start`."""
    end = end_of_log(site)
    return _since(site, start)[: end - start]


def _since(site: Site, start: int) -> bytes:
    with hub_log(site).open("rb") as log:
        assert log.seek(0, 2) >= start, "the log was rotated"
        log.seek(start)
        return log.read()
