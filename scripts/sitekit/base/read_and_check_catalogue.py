"""Read a gettext file (.po) with translations of sitekit's texts, and find the faults of this
file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from string import Formatter

from babel.core import UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from .data_files import data
from .errors import BadInput
from .language import ENGLISH, FOLDER, shipped

_OF_JINJA = re.compile(r"%%|%\((\w+)\)s|%")
_TAG = re.compile(r"</?\w+>")


def read_catalogue(path: Path) -> Catalog:
    """Read a translation file, and return it as Babel's Catalog. Raises BadInput if the content is
    not a valid gettext file, and OSError if the file cannot be read."""
    remedy = "check the file: msgfmt --check-format"
    try:
        with path.open("rb") as file:
            return read_po(file, abort_invalid=True)
    except PoFileError as error:
        line = f"{path}:{error.lineno + 1}" if error.lineno is not None else str(path)
        raise BadInput(f"not a gettext catalogue: {error.args[0]}", line, remedy) from None
    except (ValueError, LookupError, UnknownLocaleError) as error:
        raise BadInput(f"not a gettext catalogue: {error}", str(path), remedy) from None


def messages() -> Catalog:
    """Return all texts of sitekit that can be translated."""
    return read_catalogue(data(f"{FOLDER}/messages.pot"))


def translations(language: str, own: Path | None) -> NullTranslations:
    """Return the translations into a language, from the site's own translation file and sitekit's
    translation file.

    If both files translate a text, the site's translation is used. A text stays English if neither
    file translates the text, or if the placeholders in its translation are wrong. Raises the same
    errors as read_catalogue().
    """
    found = NullTranslations()
    paths = [own] if own else []
    if language in shipped() and language != ENGLISH:
        paths.append(data(f"{FOLDER}/{language}.po"))
    for path in reversed(paths):
        one = _compiled(read_catalogue(path))
        one.add_fallback(found)
        found = one
    return found


def _compiled(catalogue: Catalog) -> NullTranslations:
    """Return the translations in a translation file, without translations whose placeholders are
    wrong."""
    for message in list(catalogue):
        if message.id and any(wrong_placeholders(message)):
            catalogue.delete(message.id, message.context)
    file = BytesIO()
    write_mo(file, catalogue)
    file.seek(0)
    try:
        return GNUTranslations(file)
    except ValueError as error:  # the header Plural-Forms is wrong
        raise BadInput(f"the header of the catalogue cannot be used: {error}") from None


def faults(catalogue: Catalog, wanted: Catalog) -> list[str]:
    """Return the faults of a translation file that must translate the texts of `wanted`.

    A missing translation is not a fault, because users then see the English text.
    """
    found = [
        f"line {message.lineno}: {fault}"
        for message in catalogue
        if message.id
        for fault in wrong_placeholders(message)
    ]
    unknown = [message for message in catalogue if message.id and message.id not in wanted]
    return found + [
        f"line {message.lineno}: sitekit has no text {_first(message)!r}" for message in unknown
    ]


def missing(catalogue: Catalog, wanted: Catalog) -> list[str]:
    """Return the texts of `wanted` that a translation file does not translate."""
    texts = []
    for message in wanted:
        translated = catalogue.get(message.id) if message.id else None
        if message.id and (
            translated is None or translated.fuzzy or not all(_parts(translated.string))
        ):
            texts.append(_first(message))
    return texts


def wrong_placeholders(message: Message) -> Iterator[str]:
    """Yield a fault for each placeholder that is missing in a translation, and for each placeholder
    that only the translation has. Also yield a fault if the translation has other HTML tags than
    the text."""
    known = {name for text in _parts(message.id) for name in placeholders(text)}
    needed = known - ({"count", "num"} if message.pluralizable else set())
    for string in _parts(message.string):
        if not string:
            continue
        try:
            given = placeholders(string)
        except ValueError as error:
            yield f"{string!r} cannot be used: {error}"
            continue
        for name in sorted(needed - given):
            yield f"{string!r} has lost {name}"
        for name in sorted(given - known):
            yield f"{string!r} has {name}, which its text does not have"
        tags = [sorted(_TAG.findall(text)) for text in _parts(message.id)]
        if any(tags) and sorted(_TAG.findall(string)) not in tags:
            yield f"{string!r} has other tags than its text"


def placeholders(text: str) -> set[str]:
    """Return the placeholders in a text: `{name}`, and `%(name)s` of templates.

    The set also contains each `%` that does not begin a placeholder. Raises ValueError if the text
    has a single brace.
    """
    of_python = {
        "{" + name + (f":{form}" if form else "") + "}"
        for _, name, form, _ in Formatter().parse(text)
        if name is not None
    }
    names = {"count" if name == "{count}" else name for name in of_python}
    of_jinja = [match for match in _OF_JINJA.finditer(text) if match[0] != "%%"]
    return names | {"num" if match[1] == "num" else match[0] for match in of_jinja}


def _parts(text: object) -> tuple[str, ...]:
    """Return the singular and the plural of a text, or only the text if it has no plural."""
    return tuple(text) if isinstance(text, (tuple, list)) else (str(text or ""),)


def _first(message: Message) -> str:
    return _parts(message.id)[0]
