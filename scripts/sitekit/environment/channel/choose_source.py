"""Choose the source of packages. sitekit uses the conda channels of site.yml if all of them can be
reached. Otherwise, sitekit uses wheels from PyPI, if site.yml allows this."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

# in Python 3.10, this class differs from the built-in TimeoutError
from concurrent.futures import TimeoutError as NoAnswerYet
from dataclasses import dataclass
from typing import Literal

from ...base.errors import Problem
from ...base.module_in_child_process import ask_child_process
from ...site import Site
from ..wheels.write_conda_package import subdir
from . import ENGINE

WANTS_LOGIN = "it wants a login"
ANSWER_TIMEOUT = 8.0  # a channel has to answer within this many seconds

WHAT = {
    "channels": "from the channels of site.yml",
    "wheels": "from PyPI wheels: JupyterHub's packages as their authors publish them, not conda-forge's builds",
}
"""Maps each kind of package source to the words that describe this source in messages."""


@dataclass(frozen=True)
class Source:
    """Hold the source from which packages are downloaded, and a sentence that describes this
    source."""

    kind: Literal["channels", "wheels"]
    told: str


def bases(channels: list[str]) -> dict[str, str]:
    """Return a map of the conda channels, as site.yml names them, to their URLs."""
    return dict(
        zip(
            channels,
            ask_child_process(ENGINE, {"verb": "urls", "channels": channels}, timeout=60),
            strict=True,
        )
    )


def choose_source(site: Site) -> Source:
    """Test whether every conda channel can be reached, and return the source of packages to use.
    The test is a download of the beginning of the channel's index.

    Raises Problem if a channel cannot be reached and site.yml allows no other source.
    """
    names, mirrors = site.environment.channels, site.environment.mirrors
    urls = [mirrors.get(name, (base,)) for name, base in bases(list(names)).items()]
    # The thread pool is not used in a `with` statement, because this statement would wait for ever
    # if a DNS server never answers.
    pool = ThreadPoolExecutor(len(urls))
    checks = [
        pool.submit(_all_silent, places, bool(site.environment.credentials)) for places in urls
    ]
    faults = {}
    for name, answer in zip(names, checks, strict=True):
        try:
            fault = answer.result(ANSWER_TIMEOUT + 1)
        except NoAnswerYet:
            fault = f"no answer within {ANSWER_TIMEOUT:g} s"
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
    """Return the reasons if no URL in `places` (the mirrors of a channel) can be used. If at least
    one URL can be used, return None.

    `login` is true if the site has credentials. Then a mirror that requires a login also counts as
    usable, because the installer rattler logs in at the mirror.
    """
    faults = []
    for place in places:
        fault = silence(place)
        if fault is None or (login and fault == WANTS_LOGIN):
            return None
        faults.append(fault)
    return ", ".join(faults)


def silence(url: str) -> str | None:
    """Return the reason if the channel at `url` cannot be used. If the channel can be used, return
    None."""
    fault = "it has no index"
    for index in ("repodata.json.zst", "repodata.json"):
        try:
            # Create a new opener each time, because urllib's default opener keeps the proxy setting
            # of its first use.
            opener = urllib.request.build_opener()
            with opener.open(
                f"{url.rstrip('/')}/{subdir()}/{index}", timeout=ANSWER_TIMEOUT
            ) as answer:
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
    """Convert a network error to a short message for an administrator."""
    if isinstance(reason, socket.gaierror):
        return "name does not resolve"
    if isinstance(reason, TimeoutError):
        return f"no answer within {ANSWER_TIMEOUT:g} s"
    if isinstance(reason, ConnectionRefusedError):
        return "connection refused"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {reason.verify_message}"
    if isinstance(reason, OSError):
        return reason.strerror or str(reason)
    return str(reason)
