"""Find and translate the texts of sitekit's JavaScript files: the arguments of their function `_`."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from .language import gettext

_CALL = re.compile(r'(?<![\w$.])_\(\s*("(?:[^"\\\n]|\\.)*")')


@cache
def script_texts(path: Path) -> tuple[str, ...]:
    """Return the texts of a script that can be translated. Each is one string in double quotes."""
    found = _CALL.findall(path.read_text(encoding="utf-8"))
    return tuple(dict.fromkeys(json.loads(text) for text in found))


def script_translations(*paths: Path) -> dict[str, str]:
    """Return a dictionary with the translations of the scripts' texts. Texts without a translation
    are not in the dictionary."""
    texts = [text for path in paths for text in script_texts(path)]
    return {text: translated for text in texts if (translated := gettext(text)) != text}
