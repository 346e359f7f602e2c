"""Translate the texts that users read into the site's language.

Modules import `gettext as _`. The hub sets the language once, when it starts (`use`). Other programs
set none, so that their texts stay English.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from gettext import NullTranslations

from jinja2 import Environment
from jinja2.ext import InternationalizationExtension

from .data_files import data

FOLDER = "config/languages"
ENGLISH = "en"
_translations, _language = NullTranslations(), ENGLISH


def shipped() -> list[str]:
    """Return the languages that sitekit ships, such as `de`."""
    return [ENGLISH, *sorted(path.stem for path in data(FOLDER).glob("*.po"))]


def use(translations: NullTranslations, language: str) -> None:
    """Translate all further texts of this process with these translations into `language`."""
    global _translations, _language
    _translations, _language = translations, language


def gettext(message: str, **values: object) -> str:
    """Return the translation of `message`, with the values in place of `{name}`."""
    text = _translations.gettext(message)
    return text.format(**values) if values else text


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """Return the translation of `one` or of `many`, whichever fits `count`, with the values in place
    of `{name}`."""
    return _translations.ngettext(one, many, count).format(count=count, **values)


def english(one: str, many: str, count: int) -> str:
    """Return what ngettext returns without a translation, for texts that the hub reads again."""
    return (one if count == 1 else many).format(count=count)


def date_text(moment: datetime, pattern: str) -> str:
    """Return a point in time with the language's names of months and days.

    `pattern` is a text of the catalogue, such as `d MMMM, HH:mm`, in the form of Babel's
    format_datetime. Babel is imported only here, because most commands write no such text.
    """
    from babel.core import UnknownLocaleError
    from babel.dates import format_datetime

    try:
        return format_datetime(moment, gettext(pattern), locale=_language)
    except UnknownLocaleError:
        return format_datetime(moment, gettext(pattern), locale=ENGLISH)


def later(message: str) -> str:
    """Mark a message as translatable, and return it unchanged.

    Modules import `later as N_` for texts in tables, which are translated when they are shown.
    """
    return message


class Translated(InternationalizationExtension):
    """Let Jinja templates translate texts: `{% trans %}` and `_("...", name=value)`.

    In templates, values stand in place of `%(name)s`.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.policies["ext.i18n.trimmed"] = True
        install: Callable[..., None] = environment.install_gettext_callables  # type: ignore[attr-defined]
        install(
            lambda message: _translations.gettext(message),
            lambda one, many, count: _translations.ngettext(one, many, count),
            newstyle=True,
        )
