"""Download one package file from its channel or a mirror, and verify its hash."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ...base.errors import Problem
from ...site import Site
from ..channel.choose_source import bases


def fetch(site: Site, url: str, sha256: str, target: Path) -> None:
    """Download or copy the file at `url` to `target`.

    Raises Problem if the file cannot be downloaded or has another SHA-256.
    """
    if url.startswith("file:"):
        try:
            shutil.copyfile(unquote(urlsplit(url).path), target)
        except FileNotFoundError as error:
            raise Problem(
                "this package no longer exists", error.filename, "build a new release first"
            ) from None
    else:
        _download(site, url, target)
    if hashlib.sha256(target.read_bytes()).hexdigest() != sha256:
        raise Problem(
            "does not have the hash that the lock names",
            url,
            "ask the administrators of the channel",
        )


def _download(site: Site, url: str, target: Path) -> None:
    faults = []
    for place in _places(site, url):
        try:
            opener = urllib.request.build_opener()
            with (
                opener.open(_request(site, place), timeout=60) as answer,
                target.open("wb") as file,
            ):
                return shutil.copyfileobj(answer, file)
        except (urllib.error.URLError, OSError) as error:
            faults.append(f"{place}: {error}")
    raise Problem("this package could not be downloaded", "; ".join(faults), "run it again")


def _places(site: Site, url: str) -> list[str]:
    mirrors = site.environment.mirrors
    for channel, base in bases(list(mirrors)).items() if mirrors else ():
        if url.startswith(base):
            return [
                mirror.rstrip("/") + "/" + url[len(base) :].lstrip("/")
                for mirror in mirrors[channel]
            ]
    return [url]


def _request(site: Site, url: str) -> urllib.request.Request:
    """Return the HTTP request for a file. If the site's file with logins has a login for this host,
    the request contains this login.

    The file with logins can have any format that the installer rattler accepts in
    RATTLER_AUTH_FILE.
    """
    request = urllib.request.Request(url)  # noqa: S310
    if site.environment.credentials:
        logins = json.loads(site.environment.credentials.read_text())
        login = logins.get(urlsplit(url).hostname, logins.get(urlsplit(url).netloc, {}))
        if "BasicHTTP" in login:
            pair = f"{login['BasicHTTP']['username']}:{login['BasicHTTP']['password']}"
            request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
        elif "BearerToken" in login:
            request.add_header("Authorization", f"Bearer {login['BearerToken']}")
    return request
