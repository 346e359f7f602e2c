"""What the hub's pages show of the section `pages`, and how it is escaped."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
from machine_sites import demo

from sitekit.base.errors import BadInput
from sitekit.base.language import Translated
from sitekit.site.sections.pages import Pages

CHECKOUT = Path(__file__).resolve().parents[3]
ALL = {
    "color": "#ffdd00",
    "help": "https://docs.example.org/jupyter?a=1&b=2",
    "contact": "help@example.org",
    "login_text": "Use <b>your</b> account.",
}


BLOCKS = ("title", "stylesheet", "nav_bar_left_items", "main", "footer")


def rendered(template: str, pages: Pages) -> str:
    """The page with HTML escaped, as the hub does, in a frame that has JupyterHub's blocks.

    tests/browser sees the same pages in JupyterHub's own frame.
    """
    frame = "".join(f"{{% block {name} %}}{{% endblock {name} %}}" for name in BLOCKS)
    jupyterhubs = {
        "templates/page.html": frame,
        "templates/login.html": '{% extends "page.html" %}',
    }
    ours = jinja2.FileSystemLoader(CHECKOUT / "config/templates")
    loader = jinja2.ChoiceLoader([jinja2.DictLoader(jupyterhubs), ours])
    environment = jinja2.Environment(loader=loader, autoescape=True, extensions=[Translated])
    words = {"site_title": "Example", "site_pages": pages}
    return environment.get_template(template).render(words)


def test_each_key_is_shown_and_escaped() -> None:
    page = rendered("login.html", demo(pages=ALL).pages)
    assert "--bs-btn-bg: #ffdd00" in page and "--bs-btn-color: #000000" in page
    assert 'href="https://docs.example.org/jupyter?a=1&amp;b=2"' in page
    assert 'href="mailto:help@example.org"' in page
    assert "Use &lt;b&gt;your&lt;/b&gt; account." in page


def test_without_the_section_the_pages_are_as_before() -> None:
    page = rendered("login.html", demo().pages)
    assert "--bs-btn-bg: #f37524" in page and "mailto:" not in page and "<footer" not in page


@pytest.mark.parametrize(
    ("color", "text"),
    [
        ("#000000", "#ffffff"),
        ("#ffffff", "#000000"),
        ("#f37524", "#000000"),
        ("#1a5fb4", "#ffffff"),
    ],
)
def test_the_text_of_buttons_has_contrast(color: str, text: str) -> None:
    assert Pages(color=color).text_color == text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("color", "red"),
        ("color", "#fff"),
        ("color", "#ffffff;}"),
        ("help", "javascript:alert(1)"),
        ("contact", "nobody"),
        ("login_text", ""),
        ("login_text", "x" * 501),
        ("logo", "logo.svg"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(key: str, value: str) -> None:
    with pytest.raises((BadInput, ValueError)) as refused:
        demo(pages={key: value})
    assert key in str(refused.value)
