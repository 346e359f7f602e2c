"""Translate the texts that users read into the site's language.

Modules import `gettext as _`. The hub sets the language once, when it starts (`use`). Other programs
set none, so that their texts stay English.
"""

from __future__ import annotations

from collections.abc import Callable
from gettext import NullTranslations

from jinja2 import Environment
from jinja2.ext import InternationalizationExtension

_translations = NullTranslations()


def use(translations: NullTranslations) -> None:
    """Translate all further texts of this process with these translations."""
    global _translations
    _translations = translations


def gettext(message: str, **values: object) -> str:
    """Return the translation of `message`, with the values in place of `{name}`."""
    text = _translations.gettext(message)
    return text.format(**values) if values else text


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """Return the translation of `one` or of `many`, whichever fits `count`, with the values in place
    of `{name}`."""
    return _translations.ngettext(one, many, count).format(count=count, **values)


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
