"""Write the settings for package downloads: the mirrors, credentials and HTTP proxy of site.yml."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.errors import Problem
from ...site import Site


def rattlers_configuration(site: Site, bases: dict[str, str]) -> str:
    """Return the TOML configuration file of the installer rattler, with the site's mirrors and
    credentials.

    `bases` maps each conda channel to its URL.
    """
    lines = []
    if site.environment.credentials:
        lines.append(
            f"authentication-override-file = {json.dumps(str(_private(site.environment.credentials)))}"
        )
    lines.append("[mirrors]")
    for channel, mirrors in site.environment.mirrors.items():
        lines.append(
            f"{json.dumps(bases[channel])} = {json.dumps([_slashed(mirror) for mirror in mirrors])}"
        )
    return "\n".join(lines) + "\n"


@contextmanager
def http_proxy_environment(site: Site) -> Iterator[None]:
    """While the `with` block runs, set the environment variables for the site's HTTP proxy.

    rattler, pip, npm and apt all use these environment variables.
    """
    before = dict(os.environ)
    if site.environment.proxy:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            os.environ[name] = site.environment.proxy
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _private(file: Path) -> Path:
    """Return the path of the credentials file. Raises Problem if the file is missing, or if other
    users can read the file.

    The credentials file contains passwords.
    """
    try:
        mode = file.stat().st_mode
        file.read_bytes()
    except OSError as error:
        remedy = "name another in environment.credentials"
        raise Problem(f"cannot be read: {error.strerror}", str(file), remedy) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Problem("holds passwords, and others can read it", str(file), f"chmod 600 {file}")
    return file


def _slashed(url: str) -> str:
    return url.rstrip("/") + "/"
