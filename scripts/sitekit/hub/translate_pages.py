"""Translate all texts for users into the site's language, those of JupyterHub's templates
included."""

from __future__ import annotations

import logging
from typing import Any

from ..base.catalogue import translations
from ..base.errors import BadInput
from ..base.language import Translated, use
from ..site import Site
from .overrides.upstream_words import UpstreamWords

log = logging.getLogger(__name__)


def translate_pages(c: Any, site: Site) -> None:
    """Set the language of the hub's texts, and let JupyterHub's templates translate texts.

    A hub with a catalogue that cannot be read shows the texts that sitekit translates itself.
    """
    language, catalogue = site.pages.language, site.pages.catalogue
    try:
        use(translations(language, catalogue), language)
    except (BadInput, OSError) as trouble:
        log.warning("pages.catalogue is not used: %s", trouble)
        use(translations(language, None), language)
    UpstreamWords.language = language.replace("_", "-")
    c.JupyterHub.jinja_environment_options = {"extensions": [Translated, UpstreamWords]}
