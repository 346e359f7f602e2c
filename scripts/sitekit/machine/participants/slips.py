"""Render the page with one slip for each account, to print and to cut: address, user and password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import segno

from ...base.templates import templates


@dataclass(frozen=True)
class Slip:
    """Hold what one slip shows. `title` and `url` are the site's."""

    title: str
    url: str
    user: str
    password: str


def qr_code(url: str) -> segno.QRCode:
    """Return the QR code of an address. It can be read even if a quarter of it is damaged."""
    return segno.make_qr(url, error="q", boost_error=False)


def html(slips: Sequence[Slip]) -> str:
    """Return the page as HTML. It loads nothing from elsewhere."""
    code = qr_code(slips[0].url).svg_inline(scale=3, border=4)
    template = templates("config/templates").get_template("slips.html.j2")
    return template.render(slips=slips, code=code) + "\n"
