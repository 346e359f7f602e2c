"""Run in a release's own Python by test_upstream_texts: read and render JupyterHub's templates.

Prints the texts of WORDS that JupyterHub's templates no longer have, and then pages in German.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader
from jupyterhub._data import DATA_FILES_PATH

from sitekit.base.language import Translated, use
from sitekit.base.read_and_check_catalogue import translations
from sitekit.hub.overrides.translate_jupyterhub_templates import WORDS, UpstreamWords, texts

FOLDER = Path(DATA_FILES_PATH) / "templates"
CONTEXT = {
    "authenticator_login_url": "/hub/login",
    "authenticator": SimpleNamespace(request_otp=False),
    "static_url": lambda path, **_: path,
}


def main() -> None:
    """Print the two parts."""
    found: set[str] = set()
    for path in FOLDER.glob("*.html"):
        source = re.sub(r"(?s)<script.*?</script>", "", path.read_text())
        for _, kind, data in Environment().lex(source):  # noqa: S701 (nothing is rendered)
            found |= set(texts(data)) if kind == "data" else set()
    for word in sorted(WORDS - found):
        sys.stdout.write(f"gone: {word}\n")
    use(translations("de", None), "de")
    UpstreamWords.language = "de"
    loader = FileSystemLoader(FOLDER)
    environment = Environment(
        loader=ChoiceLoader([loader, PrefixLoader({"templates": loader})]),
        autoescape=True,
        extensions=[Translated, UpstreamWords],
    )
    for name in ("login.html", "stop_pending.html", "token.html"):
        sys.stdout.write(environment.get_template(name).render(CONTEXT))


if __name__ == "__main__":
    main()
