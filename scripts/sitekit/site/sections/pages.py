"""Define the section `pages` of site.yml: the logo, the color, the texts and the language of the
hub's web pages."""

from __future__ import annotations

from typing import Annotated

from pydantic import model_validator

from ...base.errors import Unfit, shown
from ...base.language import ENGLISH, shipped
from ..types.address_types import Email, Url
from ..types.value_types import AbsolutePath, Paragraph, spelled
from .tier import Row

Color = Annotated[
    str,
    spelled(
        r"#[0-9A-Fa-f]{6}",
        "is not a color",
        'write six hexadecimal digits in quotes, like "#1a5fb4"',
    ),
]

Language = Annotated[
    str,
    spelled(
        r"[a-z]{2,3}(_[A-Z]{2})?",
        "is not a language",
        'write its two letters, like "de", or those of language and country, like "pt_BR"',
    ),
]
JUPYTERHUBS = "#f37524"  # the orange of JupyterHub's buttons


class Pages(Row):
    """Declare the keys of the section `pages`: look and language of the hub's web pages, and where
    users find help.

    `logo` is an image file (PNG, JPEG or SVG) that the hub serves. `color` is the color of buttons.
    `catalogue` is a gettext file (.po) with the site's own translations into `language`.
    """

    logo: AbsolutePath | None = None
    color: Color | None = None
    help: Url | None = None
    contact: Email | None = None
    login_text: Paragraph | None = None
    language: Language = ENGLISH
    catalogue: AbsolutePath | None = None

    @model_validator(mode="after")
    def _has_translations(self) -> Pages:
        """Refuse a language that neither sitekit nor the site translates."""
        if self.catalogue is None and self.language not in shipped():
            raise Unfit(
                f"sitekit has no translations into {shown(self.language)}",
                f"write one of {', '.join(shipped())}, or name your own translations in `catalogue`",
                "language",
            )
        return self

    @property
    def text_color(self) -> str:
        """Return the color of text on `color`, black or white, whichever has more contrast.

        The relative luminance is defined in WCAG 2.2. On a color with the luminance 0.179, black
        and white have the same contrast.
        """
        digits = (self.color or JUPYTERHUBS)[1:]
        channels = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in channels
        ]
        luminance = sum(
            weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
        )
        return "#000000" if luminance > 0.179 else "#ffffff"
