"""Read a source of advisories. A source is a file, a folder, or a URL; a URL is downloaded
first."""

from __future__ import annotations

import contextlib
import shutil
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...base.errors import BadInput, Problem
from ...site import Site

READ_TIMEOUT = 60.0  # seconds: a download that receives nothing for this time fails
WHERE = (
    "OSV=path-or-address: a zip archive, a folder or a file of OSV's, several with spaces between"
)


def refuse_source(source: str) -> None:
    """Raise BadInput for a file that does not exist, or for a URL without TLS (such as http)."""
    if "://" not in source:
        if not Path(source).exists():
            raise BadInput("there is no such file", source, WHERE)
    elif urlsplit(source).scheme not in ("https", "file"):
        raise BadInput(
            "without TLS, somebody on the network could remove an advisory",
            source,
            "name an https address, or a file",
        )


def fetched(site: Site, source: str, scratch: Path) -> Path:
    """Return the path of a file or folder with advisories. If the source of the advisories is a
    URL, download the file at this URL first. Raises BadInput, Problem."""
    refuse_source(source)
    if "://" not in source:
        return Path(source)
    file = (
        scratch / f"{len(list(scratch.iterdir()))}{Path(urlsplit(source).path).suffix or '.json'}"
    )
    try:
        with contextlib.closing(_opened(site, source)) as answer, file.open("wb") as copy:
            shutil.copyfileobj(answer, copy)
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise Problem(
            f"it could not be downloaded: {reason}", source, "try again, or bring it as a file"
        ) from None
    return file


def _opened(site: Site, source: str) -> Any:
    """Open a URL. If the site file names an HTTP proxy (`environment.proxy`), use this proxy."""
    handlers = []
    if site.environment.proxy:
        handlers.append(urllib.request.ProxyHandler({"https": str(site.environment.proxy)}))
    return urllib.request.build_opener(*handlers).open(source, timeout=READ_TIMEOUT)
