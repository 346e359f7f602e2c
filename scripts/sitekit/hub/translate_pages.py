"""Translate all texts for users into the site's language, also the texts in JupyterHub's
templates."""

from __future__ import annotations

import logging
from typing import Any

from ..base.errors import BadInput
from ..base.language import Translated, use
from ..base.read_and_check_catalogue import translations
from ..site import Site
from .overrides.translate_jupyterhub_templates import UpstreamWords

log = logging.getLogger(__name__)


def translate_pages(c: Any, site: Site) -> None:
    """Set the language of the hub's texts, and let JupyterHub's templates translate texts.

    If the site's own translation file cannot be read, the hub uses only sitekit's own translations.
    """
    language, catalogue = site.pages.language, site.pages.catalogue
    try:
        use(translations(language, catalogue), language)
    except (BadInput, OSError) as trouble:
        log.warning("pages.catalogue is not used: %s", trouble)
        use(translations(language, None), language)
    UpstreamWords.language = language.replace("_", "-")
    c.JupyterHub.jinja_environment_options = {"extensions": [Translated, UpstreamWords]}
