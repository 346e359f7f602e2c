"""Collect the translations of the texts that sitekit shows in JupyterLab. The hub sends them to
JupyterLab."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from ...base import language, translate_javascript_texts

PATH = "/sitekit/lab-texts"
SCRIPTS = Path(__file__).parents[2] / "session/labextension/static"


@cache
def content() -> bytes:
    """Return the site's language and the translations, as JSON."""
    texts = translate_javascript_texts.script_translations(*sorted(SCRIPTS.glob("*.js")))
    return json.dumps({"language": language.language_tag(), "texts": texts}).encode()


def address(hub: str) -> dict[str, str]:
    """Return a dictionary with the key `texts`: the URL of the translations, which contains a part
    of their hash. Return {} if there are no translations.

    `hub` is the hub's own URL.
    """
    if not json.loads(content())["texts"]:
        return {}
    return {"texts": f"{hub}{PATH}?v={hashlib.sha256(content()).hexdigest()[:16]}"}
