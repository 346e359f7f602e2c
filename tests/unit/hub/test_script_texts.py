"""Scripts in a browser get their texts in the site's language: of the start form, the administrators'
page, and JupyterLab."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from test_form import form

from sitekit.base import language
from sitekit.base.data_files import data
from sitekit.base.read_and_check_catalogue import translations
from sitekit.base.translate_javascript_texts import script_texts
from sitekit.hub.messages import lab_texts
from sitekit.hub.messages.script_and_style_urls import FOLDER, page_texts
from sitekit.hub.servers.server_states import OPEN_STATES


@pytest.fixture(params=["en", "de"])
def used(request: pytest.FixtureRequest) -> Iterator[str]:
    """A language in which this process writes its texts."""
    lab_texts.content.cache_clear()
    language.use(translations(request.param, None), request.param)
    yield request.param
    language.use(translations("en", None), "en")
    lab_texts.content.cache_clear()


def test_the_form_contains_the_texts_of_its_script(used: str) -> None:
    page = form()
    [texts] = re.findall(r'<script type="application/json" id="sitekit-texts">(.*?)</script>', page)
    assert json.loads(texts) == page_texts("form.js")
    assert json.loads(texts).get("Deleted.") == {"en": None, "de": "Gelöscht."}[used]
    assert page.index('id="sitekit-texts"') < page.index("/texts.js?v=") < page.index("/form.js?v=")


def test_the_administrators_page_has_its_texts(used: str) -> None:
    assert (
        page_texts("status.js").get("{count} running") == {"en": None, "de": "{count} laufen"}[used]
    )


def test_jupyterlab_gets_an_address_only_if_there_is_something_to_translate(used: str) -> None:
    told = json.loads(lab_texts.content())
    assert told["language"] == used
    address = lab_texts.address("https://hub.example.org/hub")
    if used == "en":
        assert address == {} == told["texts"]
    else:
        assert told["texts"]["Change tier"] == "Größe ändern"
        assert re.fullmatch(
            r"https://hub\.example\.org/hub/sitekit/lab-texts\?v=[0-9a-f]{16}", address["texts"]
        )


def test_the_administrators_page_has_a_word_for_each_state() -> None:
    texts = script_texts(data(FOLDER) / "status.js")
    assert {f"{{count}} {state}" for state in OPEN_STATES} <= set(texts)
