"""The catalogues of translations: all texts, none too many, and no placeholder lost."""

from __future__ import annotations

import ast
import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import jinja2
import pytest
from babel.messages.catalog import Catalog
from languages import (
    CHECKOUT,
    FOLDER,
    SCRIPTS,
    TEMPLATES,
    as_text,
    extracted,
    rewrite,
    texts_of_script,
)
from machine_sites import demo

from sitekit.base import language
from sitekit.base.errors import BadInput, BadInputs
from sitekit.base.language import Translated, date_text, gettext, ngettext, shipped
from sitekit.base.read_and_check_catalogue import (
    faults,
    messages,
    missing,
    read_catalogue,
    translations,
)
from sitekit.base.translate_javascript_texts import script_texts, script_translations
from sitekit.hub.overrides.translate_jupyterhub_templates import translate
from sitekit.site.show import check_site

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Language: fr\\n"\n\n'
FORMS = '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
TRANSLATED = sorted(set(shipped()) - {"en"})
CHECK = "pytest -n 0 --update-golden tests/unit/test_languages.py adds and removes texts"


def test_the_template_has_each_text_of_the_checkout(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        rewrite()
    assert (FOLDER / "messages.pot").read_text() == as_text(extracted()), CHECK


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_shipped_language_is_complete(name: str) -> None:
    catalogue, wanted = read_catalogue(FOLDER / f"{name}.po"), messages()
    assert missing(catalogue, wanted) == [], CHECK
    assert faults(catalogue, wanted) == []
    assert str(catalogue.locale) == name


class Words(HTMLParser):
    """The texts of a template that are outside of a translation."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.inside.append(tag)
        for name, value in attributes:
            if name in ("title", "alt", "placeholder", "aria-label"):
                self.note(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.inside):
            self.note(data)

    def note(self, text: str) -> None:
        if re.search(r"[^\W\d_]{2}", text):
            self.found.append(" ".join(text.split()))


PATHS = sorted(TEMPLATES.glob("*.html"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_template_has_no_text_outside_of_a_translation(path: Path) -> None:
    environment = jinja2.Environment(extensions=[Translated])  # noqa: S701 (nothing is rendered)
    html, depth = "", 0
    tokens = list(environment.lex(path.read_text()))
    for (_, kind, text), (_, _, after) in zip(
        tokens, [*tokens[2:], *[(0, "", "")] * 2], strict=True
    ):
        if kind == "block_begin":
            depth += {"trans": 1, "endtrans": -1}.get(after, 0)
        elif kind == "data" and not depth:
            html += text
    words = Words()
    words.feed(html)
    assert words.found == []


# Exceptions and cards whose texts a page shows.
TOLD = ("Card", "HTTPError", "NoAccount", "NotNow", "Refusal", "SpawnException")
SAID = ("message", "reason", "remedy", "sorry", "what", "why")
ROOMS = ("choices", "courses", "login", "overrides", "pages", "servers", "spawner")
HUB = CHECKOUT / "scripts/sitekit/hub"
MODULES = sorted(path for room in ROOMS for path in (HUB / room).glob("*.py"))
ONLY_PROGRAMS = {
    "hub_port_callers.py": "only programs use this port",
    "restrict_api_requests.py": "no page sends these requests to the REST API",
}
"""Modules whose messages no page shows."""


def plain_texts(node: ast.expr) -> list[str]:
    """Return the words that are written in an expression outside of a call, such as `_`."""
    if isinstance(node, ast.Call):
        return []
    if isinstance(node, ast.Constant):
        return [node.value] if re.search(r"[a-z]{2} ", str(node.value)) else []
    return [text for child in ast.iter_child_nodes(node) for text in plain_texts(child)]


def called(node: ast.AST) -> str:
    """Return the name of the function that an expression calls."""
    function = getattr(node, "func", None)
    return getattr(function, "attr", getattr(function, "id", ""))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_hub_says_nothing_to_users_outside_of_a_translation(path: Path) -> None:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if called(node) in TOLD and path.name not in ONLY_PROGRAMS:
            found += [text for word in node.args for text in plain_texts(word)]
        elif called(node) == "render_template":
            found += [text for word in node.keywords for text in plain_texts(word.value)]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in SAID:
            found += plain_texts(node.value)
    assert found == []


SCRIPT_PATHS = sorted(path for folder in SCRIPTS for path in folder.glob("*.js"))
STRING = re.compile(r'(?P<before>[\w.]*[(:=]?) ?(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`)')
WORDS = re.compile(r"[A-Z][a-z]+|[a-z]{2,} [a-z]{2,}")
NO_TEXTS = re.compile(r"use strict|X-XSRFToken|Content-Type|Enter|Hub|(?=.*-)[a-z -]+|jp-\w+-\w+")
"""Strings that users do not read: of HTTP, keys and CSS classes; or the same in each language."""


@pytest.mark.parametrize("path", SCRIPT_PATHS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_has_no_text_outside_of_a_translation(path: Path) -> None:
    code = re.sub(r"^\s*(//|/\*\*).*|\s// .*", "", path.read_text(), flags=re.MULTILINE)
    found = []
    for match in STRING.finditer(code):
        text = re.sub(r"\$\{[^}]*\}", "", match["text"][1:-1])
        known = match["before"] in ("_(", "Error(", "description:") or NO_TEXTS.fullmatch(text)
        if WORDS.search(text) and not known:
            found.append(text)
    assert found == []


@pytest.mark.parametrize("path", SCRIPT_PATHS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_page_gets_each_text_of_its_script(path: Path) -> None:
    """The hub finds the texts of a script as Babel finds them, which writes the catalogue."""
    assert sorted(script_texts(path)) == sorted(texts_of_script(path))


@pytest.fixture
def french(tmp_path: Path):
    path = tmp_path / "fr.po"

    def use(text: str) -> Path:
        path.write_text(HEAD.replace("\n\n", "\n" + FORMS + "\n", 1) + text)
        language.use(translations("fr", path), "fr")
        return path

    yield use
    language.use(translations("en", None), "en")


def test_python_and_templates_use_the_same_catalogue(french) -> None:
    french(
        'msgid "The {node} failed."\nmsgstr "{node} est en panne."\n\n'
        'msgid "Home"\nmsgstr "Accueil & <b>"\n\n'
        'msgid "%(count)s <b>"\nmsgstr "<b>%(count)s"\n'
        'msgid "one"\nmsgid_plural "{count} jobs"\nmsgstr[0] "un"\nmsgstr[1] "{count} travaux"\n'
    )
    assert gettext("The {node} failed.", node="{x}") == "{x} est en panne."
    assert gettext("Not translated {a}.", a=1) == "Not translated 1."
    assert ngettext("one", "{count} jobs", 3) == "3 travaux"
    assert date_text(datetime(2026, 3, 2, 9), "d MMMM, HH:mm") == "2 mars, 09:00"
    environment = jinja2.Environment(autoescape=True, extensions=[Translated])
    page = environment.from_string('{{ _("%(count)s <b>", count="<i>") }}').render()
    assert page == "<b>&lt;i&gt;", "the translation is HTML, the value is not"
    assert translate('<a title="Home" href="Home">\n Home\n</a>') == (
        '<a title="Accueil &amp; &lt;b&gt;" href="Home">\n Accueil &amp; &lt;b&gt;\n</a>'
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('msgid "The {node} failed."\nmsgstr "En panne."\n', "has lost {node}"),
        ('msgid "The {node} failed."\nmsgstr "{node} {nod}"\n', "has {nod}, which its text"),
        ('msgid "The {node} failed."\nmsgstr "{node} }"\n', "cannot be used: Single '}'"),
        ('msgid "The {node} failed."\nmsgstr "{node.__class__}"\n', "has lost {node}"),
        ('msgid "The {node} failed."\nmsgstr "{node} 100 %"\n', "has %, which its text"),
        ('msgid "Homme"\nmsgstr "Homme"\n', "sitekit has no text 'Homme'"),
        ("Home = Accueil\n", "not a gettext catalogue"),
        ('"Language: de\\n"\n', "its header `Language` is de, and pages.language is fr"),
    ],
)
def test_a_fault_in_the_sites_own_catalogue_is_named(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "fr.po"
    path.write_text((HEAD.strip() if text.startswith('"') else HEAD) + "\n" + text)
    site = demo(pages={"language": "fr", "catalogue": str(path)})
    with pytest.raises(BadInput, match=re.escape(fault)) as refused:
        check_site(site)
    assert str(path) in str(refused.value)


def test_a_script_gets_the_translations_that_exist(french, tmp_path: Path) -> None:
    french('msgid "Stay"\nmsgstr "Reste \\"ici\\""\n')
    script = tmp_path / "x.js"
    script.write_text('const x = [_("Stay"), _("Other \\"{name}\\"", { name }), get_("No")];')
    assert script_texts(script) == ("Stay", 'Other "{name}"')
    assert script_translations(script) == {"Stay": 'Reste "ici"'}


def test_a_translation_without_its_placeholder_is_not_used(french) -> None:
    path = french('msgid "The {node} failed."\nmsgstr "En panne {0}."\n')
    assert gettext("The {node} failed.", node="n1") == "The n1 failed."
    with pytest.raises(BadInputs):
        check_site(demo(pages={"language": "fr", "catalogue": str(path)}))


def test_check_site_counts_the_translated_texts(french, capsys: pytest.CaptureFixture[str]) -> None:
    path = french('msgid "Home"\nmsgstr "Accueil"\n')
    assert check_site(demo(pages={"language": "fr", "catalogue": str(path)})) == 0
    total = sum(1 for message in messages() if message.id)
    assert f"ok catalogue 'fr': 1 of {total} texts are translated" in capsys.readouterr().out


def test_an_own_translation_wins_over_that_of_sitekit(tmp_path: Path) -> None:
    path = tmp_path / "de.po"
    path.write_text(HEAD.replace("fr", "de") + 'msgid "Home"\nmsgstr "Heim"\n')
    found = translations("de", path)
    assert found.gettext("Home") == "Heim"
    assert found.gettext("Logout") == translations("de", None).gettext("Logout") != "Logout"


def test_a_catalogue_of_this_version_is_read_as_it_was_written() -> None:
    assert isinstance(messages(), Catalog)
    assert "sitekit" in (FOLDER / "messages.pot").read_text()
