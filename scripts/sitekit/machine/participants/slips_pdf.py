"""Make a PDF file of the participants' slips, with eight slips on a page of A4.

The PDF file uses the standard fonts of PDF viewers, and contains no fonts. The standard fonts have
only the characters of Western European languages.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

import pydyf

from ...base.errors import BadInput
from .slips_html import Slip, qr_code

# Lengths are in points, 1/72 of an inch. The origin of a page is its lower left corner.
PAGE = (595.28, 841.89)
MARGIN, COLUMNS, ROWS = 28.35, 2, 4
WIDTH, HEIGHT = (PAGE[0] - 2 * MARGIN) / COLUMNS, (PAGE[1] - 2 * MARGIN) / ROWS
PADDING, CODE = 12.0, 92.0
TEXT_WIDTH = WIDTH - CODE - 2 * PADDING
FONTS = {"text": "Helvetica", "bold": "Helvetica-Bold", "fixed": "Courier-Bold"}
COURIER = 0.6
"""The width of a character in the font Courier, as a fraction of the font size."""


def pdf(slips: Sequence[Slip]) -> bytes:
    """Return the slips as a PDF file. Raises BadInput if the title has a character that the fonts
    do not have."""
    _encoded(slips[0].title)
    document = pydyf.PDF()
    fonts = pydyf.Dictionary({name: _font(document, font) for name, font in FONTS.items()})
    for first in range(0, len(slips), COLUMNS * ROWS):
        stream = pydyf.Stream(compress=True)
        for place, slip in enumerate(slips[first : first + COLUMNS * ROWS]):
            row, column = divmod(place, COLUMNS)
            left, top = MARGIN + column * WIDTH, PAGE[1] - MARGIN - row * HEIGHT
            _slip(stream, slip, left, top)
        document.add_object(stream)
        page = {
            "Type": "/Page",
            "Parent": document.pages.reference,
            "MediaBox": pydyf.Array([0, 0, *PAGE]),
            "Contents": stream.reference,
            "Resources": pydyf.Dictionary({"Font": fonts}),
        }
        document.add_page(pydyf.Dictionary(page))
    content = io.BytesIO()
    document.write(content)
    return content.getvalue()


def _font(document: pydyf.PDF, name: str) -> bytes:
    """Add a standard font of PDF to the document; return the reference to this font."""
    kind = {"Type": "/Font", "Subtype": "/Type1", "Encoding": "/WinAnsiEncoding"}
    font = pydyf.Dictionary({**kind, "BaseFont": f"/{name}"})
    document.add_object(font)
    return bytes(font.reference)


def _slip(stream: pydyf.Stream, slip: Slip, left: float, top: float) -> None:
    """Draw one slip with a dashed border. `left` and `top` are the slip's upper left corner, in
    points."""
    stream.push_state()
    stream.set_color_rgb(0.5, 0.5, 0.5, stroke=True)
    stream.set_line_width(0.5)
    stream.set_dash([3, 3], 0)
    stream.rectangle(left, top - HEIGHT, WIDTH, HEIGHT)
    stream.stroke()
    stream.pop_state()
    _code(stream, slip.url, left + WIDTH - PADDING - CODE, top - (HEIGHT + CODE) / 2)
    line = top - PADDING - 12
    for part in textwrap.wrap(slip.title, 22):
        _text(stream, "bold", 11, left + PADDING, line, part)
        line -= 13
    line -= 8
    for name, value, most in (
        ("Address", slip.url, 9),
        ("User", slip.user, 13),
        ("Password", slip.password, 13),
    ):
        _text(stream, "text", 7, left + PADDING, line, name)
        size = min(most, TEXT_WIDTH / (COURIER * len(value)))
        line -= size + 2
        _text(stream, "fixed", size, left + PADDING, line, value)
        line -= 14


def _text(
    stream: pydyf.Stream, font: str, size: float, left: float, line: float, text: str
) -> None:
    """Write the text of one line of a slip to the PDF page."""
    stream.begin_text()
    stream.set_font_size(font, size)
    stream.move_text_to(left, line)
    stream.stream.append(b"<" + _encoded(text).hex().encode() + b"> Tj")
    stream.end_text()


def _encoded(text: str) -> bytes:
    """Convert a text to the character encoding of the PDF standard fonts. Raises BadInput for a
    character that the fonts do not have."""
    try:
        return text.encode("cp1252")
    except UnicodeEncodeError as fault:
        what = f"the fonts of the PDF do not have the character {text[fault.start]!r} of the title"
        remedy = "write FORMAT=html, and print the page with a browser"
        raise BadInput(what, "title", remedy) from None


def _code(stream: pydyf.Stream, url: str, left: float, bottom: float) -> None:
    """Draw the QR code as filled squares, with the white border that QR readers need."""
    rows = list(qr_code(url).matrix_iter(border=4))
    size = CODE / len(rows)
    for number, row in enumerate(rows):
        for place, dark in enumerate(row):
            if dark:
                height = bottom + CODE - (number + 1) * size
                stream.rectangle(left + place * size, height, size, size)
    stream.fill()
