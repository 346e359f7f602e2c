"""Return the URLs of scripts and styles of sitekit's own pages, and the texts of the scripts."""

from __future__ import annotations

import hashlib
from functools import cache

from ...base.data_files import data
from ...base.translate_javascript_texts import script_translations

FOLDER = "config/static"
"""The folder of the files, in the checkout and in sitekit's own package."""


@cache
def page_file(name: str) -> str:
    """Return the URL of a file, relative to the hub's own URL, with a part of the file's hash."""
    content = (data(FOLDER) / name).read_bytes()
    return f"sitekit/static/{name}?v={hashlib.sha256(content).hexdigest()[:16]}"


def page_texts(name: str) -> dict[str, str]:
    """Return the translations of the texts of a script. In the page, texts.js reads them."""
    return script_translations(data(FOLDER) / name)
