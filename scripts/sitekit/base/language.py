"""Translate the texts that users read into the site's language.

Modules import `gettext as _`. When the hub starts, the hub calls `use` to set the language. No
other program of sitekit sets a language. Therefore, the texts of all other programs are English.
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


def language_tag() -> str:
    """Return the language of this process's texts in the form for HTML pages, such as `de` or
    `pt-BR`."""
    return _language.replace("_", "-")


def gettext(message: str, **values: object) -> str:
    """Return the translation of `message`, in which each `{name}` is replaced by its value."""
    text = _translations.gettext(message)
    return text.format(**values) if values else text


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """Return the translation of `one` or of `many`, whichever fits `count`. Each `{name}` in the
    translation is replaced by its value."""
    return _translations.ngettext(one, many, count).format(count=count, **values)


def english(one: str, many: str, count: int) -> str:
    """Return the text that ngettext returns without a translation: `one` or `many`."""
    return (one if count == 1 else many).format(count=count)


def date_text(moment: datetime, pattern: str) -> str:
    """Return a date and time as text, with the names of months and days in the site's language.

    `pattern` is a date pattern for Babel's format_datetime, such as `d MMMM, HH:mm`, from the
    translation file. Babel is imported only here, because most commands write no dates.
    """
    from babel.core import UnknownLocaleError
    from babel.dates import format_datetime

    try:
        return format_datetime(moment, gettext(pattern), locale=_language)
    except (UnknownLocaleError, ValueError, KeyError):  # or a translated pattern that is wrong
        return format_datetime(moment, pattern, locale=ENGLISH)


def later(message: str) -> str:
    """Mark a message as translatable, and return it unchanged.

    Modules import `later as N_` for texts in tables, which are translated when they are shown.
    """
    return message


class Translated(InternationalizationExtension):
    """Let Jinja templates translate texts: `{% trans %}` and `_("...", name=value)`.

    In templates, the values replace `%(name)s`.
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
