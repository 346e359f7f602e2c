"""Extract the texts of the checkout that can be translated, and write the catalogues again."""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / "config/languages"
TEMPLATES = CHECKOUT / "config/templates"
SCRIPTS = (CHECKOUT / "config/static", CHECKOUT / "scripts/sitekit/session/labextension/static")
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
HEAD = "# The texts that sitekit shows to users: copy this file to translate them."


def extracted() -> Catalog:
    """Return the texts of all modules, templates and scripts, without their places."""
    catalogue = Catalog(project="sitekit", charset="utf-8", header_comment=HEAD)
    sources = (
        (CHECKOUT / "scripts/sitekit", [("**.py", "python")], {}),
        (TEMPLATES, [("**.html", "jinja2")], {"**.html": {"trimmed": "true", "silent": "false"}}),
        *((folder, [("**.js", "javascript")], {}) for folder in SCRIPTS),
    )
    for folder, methods, options in sources:
        for _, _, message, comments, context in extract_from_dir(
            folder, methods, options, keywords=KEYWORDS, comment_tags=("Translators:",)
        ):
            catalogue.add(message, None, auto_comments=comments, context=context)
    return catalogue


def texts_of_script(path: Path) -> set[str]:
    """Return the texts of a script, as Babel finds them."""
    return {text for _, text, _, _ in extract_from_file("javascript", path, KEYWORDS)}


def as_text(catalogue: Catalog) -> str:
    """Return the catalogue as a .po file, sorted, without dates and other lines that change by
    themselves."""
    file = io.BytesIO()
    write_po(file, catalogue, width=100, sort_output=True, ignore_obsolete=True)
    volatile = ('"POT-Creation-Date', '"PO-Revision-Date', '"Generated-By', '"Report-Msgid')
    lines = file.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(volatile))


def rewrite() -> None:
    """Write messages.pot, and add new texts to each language, without a translation."""
    catalogue = extracted()
    (FOLDER / "messages.pot").write_text(as_text(catalogue), encoding="utf-8")
    for path in FOLDER.glob("*.po"):
        with path.open("rb") as file:
            language = read_po(file)
        language.update(catalogue, no_fuzzy_matching=True, update_header_comment=False)
        path.write_text(as_text(language), encoding="utf-8")
