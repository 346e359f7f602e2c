"""Define the section `pages` of site.yml: the logo, the color and the texts of the hub's web
pages."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from ..base.errors import Unfit, shown
from .address_types import Email, Url
from .tier import Row
from .value_types import AbsolutePath, spelled

LONGEST_TEXT = 500
"""The most characters of the text on the login page."""


def _text(text: str) -> str:
    """Refuse a text that is empty, too long, or has characters that cannot be printed."""
    flat = text.replace("\n", " ").strip()
    if not flat or not flat.isprintable() or len(flat) > LONGEST_TEXT:
        raise Unfit(
            f"{shown(text)} is not a text for a page",
            f"write 1 to {LONGEST_TEXT} printable characters",
        )
    return flat


Color = Annotated[
    str,
    spelled(
        r"#[0-9A-Fa-f]{6}",
        "is not a color",
        'write six hexadecimal digits in quotes, like "#1a5fb4"',
    ),
]
Paragraph = Annotated[str, AfterValidator(_text)]


class Pages(Row):
    """Define the look of the hub's web pages, and the links to help for users.

    `logo` is an image file (PNG, JPEG or SVG) that the hub serves. `color` is the color of buttons.
    """

    logo: Annotated[AbsolutePath | None, Field(examples=["/etc/jupyter/logo.svg"])] = None
    color: Annotated[Color | None, Field(examples=["#1a5fb4"])] = None
    help: Annotated[Url | None, Field(examples=["https://docs.example.org/jupyter"])] = None
    contact: Annotated[Email | None, Field(examples=["hpc-support@example.org"])] = None
    login_text: Annotated[Paragraph | None, Field(examples=["Log in with your account."])] = None

    @property
    def text_color(self) -> str:
        """Return the color of text on `color`, black or white, whichever has more contrast.

        The relative luminance is defined in WCAG 2.2. On a color with the luminance 0.179, black
        and white have the same contrast.
        """
        digits = (self.color or "#000000")[1:]
        channels = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in channels
        ]
        luminance = sum(
            weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
        )
        return "#000000" if luminance > 0.179 else "#ffffff"
