"""Choose the source of packages: the channels of site.yml, or else wheels."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

# In Python 3.10 the futures' TimeoutError is not the built-in TimeoutError.
from concurrent.futures import TimeoutError as NoAnswerYet
from dataclasses import dataclass
from typing import Literal

from ...base.child import ask
from ...base.errors import Problem
from ...site import Site
from ..wheels.package import subdir
from . import ENGINE

WANTS_LOGIN = "it wants a login"
PATIENCE = 8.0  # seconds for a channel to answer

WHAT = {
    "channels": "from the channels of site.yml",
    "wheels": "from PyPI wheels: JupyterHub's packages as their authors publish them, not conda-forge's builds",
}
"""A description of each kind of source."""


@dataclass(frozen=True)
class Source:
    """Hold the source of the packages and a sentence that names the source to the user."""

    kind: Literal["channels", "wheels"]
    told: str


def bases(channels: list[str]) -> dict[str, str]:
    """Return the URL of each channel. A channel is given as a name or as a URL."""
    return dict(
        zip(channels, ask(ENGINE, {"verb": "urls", "channels": channels}, timeout=60), strict=True)
    )


def choose(site: Site) -> Source:
    """Return the channels of site.yml as the source if they can be reached, or else wheels.

    Raises Problem if a channel does not answer and site.yml allows no wheels.
    """
    names, mirrors = site.environment.channels, site.environment.mirrors
    urls = [mirrors.get(name, (base,)) for name, base in bases(list(names)).items()]
    # A `with` block would wait for all threads, even for one whose name server never answers.
    pool = ThreadPoolExecutor(len(urls))
    checks = [
        pool.submit(_all_silent, places, bool(site.environment.credentials)) for places in urls
    ]
    faults = {}
    for name, answer in zip(names, checks, strict=True):
        try:
            fault = answer.result(PATIENCE + 1)
        except NoAnswerYet:
            fault = f"no answer within {PATIENCE:g} s"
        if fault:
            faults[name] = fault
    pool.shutdown(wait=False, cancel_futures=True)
    if not faults:
        return Source("channels", f"Taking packages from {', '.join(names)}.")
    silent = "; ".join(f"{name} did not answer ({fault})" for name, fault in faults.items())
    if site.environment.fallback == "none":
        raise Problem(
            silent,
            "environment.channels",
            "name a channel that this machine can reach, or set environment.fallback: wheels in site.yml",
        )
    return Source("wheels", f"{silent}. Building a channel {WHAT['wheels']}.")


def _all_silent(places: tuple[str, ...], login: bool) -> str | None:
    """Return why none of a channel's mirrors can be used, or None if one can be used.

    A mirror that needs a login can be used if the site has credentials, which rattler then checks.
    """
    faults = []
    for place in places:
        fault = silence(place)
        if fault is None or (login and fault == WANTS_LOGIN):
            return None
        faults.append(fault)
    return ", ".join(faults)


def silence(url: str) -> str | None:
    """Return why the channel at `url` cannot be used, or None if it answers."""
    fault = "it has no index"
    for index in ("repodata.json.zst", "repodata.json"):
        try:
            # urllib's default opener would keep the proxy that was set when it was created.
            opener = urllib.request.build_opener()
            with opener.open(f"{url.rstrip('/')}/{subdir()}/{index}", timeout=PATIENCE) as answer:
                if answer.read(1):
                    return None
        except urllib.error.HTTPError as error:
            fault = f"it has no packages for {subdir()}: HTTP 404"
            if error.code != 404:
                return WANTS_LOGIN if error.code in (401, 407) else f"HTTP {error.code}"
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            if not isinstance(reason, FileNotFoundError):
                return _plain(reason)
            fault = "there is no such directory, or no index in it"
    return fault


def _plain(reason: object) -> str:
    if isinstance(reason, socket.gaierror):
        return "name does not resolve"
    if isinstance(reason, TimeoutError):
        return f"no answer within {PATIENCE:g} s"
    if isinstance(reason, ConnectionRefusedError):
        return "connection refused"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, OSError):
        return reason.strerror or str(reason)
    return str(reason)
