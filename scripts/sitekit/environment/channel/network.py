"""Configure how this machine reaches channels and PyPI: mirrors, credentials, proxy."""

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
    """Return mirrors and credentials as rattler's configuration in TOML.

    `bases` are the URLs of the channels.
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
def reaching(site: Site) -> Iterator[None]:
    """Use the site's HTTP proxy for all programs that are started in the block.

    These are rattler, pip, npm and apt.
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
    """Return the file with passwords. Raises Problem if it is missing or others can read it."""
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
    """Return a URL that ends with a slash."""
    return url.rstrip("/") + "/"
