"""Make an HTML page to print and cut, with one slip for each participant: the site's URL, user name
and password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import segno

from ...base.templates import templates


@dataclass(frozen=True)
class Slip:
    """The texts on one slip. `title` and `url` are the title and the URL of the site."""

    title: str
    url: str
    user: str
    password: str


def qr_code(url: str) -> segno.QRCode:
    """Return the QR code of a URL. A phone can read the code even if a quarter of its area is
    damaged."""
    return segno.make_qr(url, error="q", boost_error=False)


def html(slips: Sequence[Slip]) -> str:
    """Return the slips as one HTML page, which loads no other files."""
    code = qr_code(slips[0].url).svg_inline(scale=3, border=4)
    template = templates("config/templates").get_template("slips.html.j2")
    return template.render(slips=slips, code=code) + "\n"
