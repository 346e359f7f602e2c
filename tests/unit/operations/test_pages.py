"""The generated pages are current, and every key, card and check is in one."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from sitekit.operations.doctor.list_of_checks import CHECKS
from sitekit.operations.pages import site_keys, troubleshooting
from sitekit.operations.pages.card_texts import card_texts
from sitekit.site import Site
from sitekit.site.yaml_files.model_fields import walk

DOCS = Path(__file__).parents[3] / "docs"
CODE = DOCS.parent / "scripts" / "sitekit"


@pytest.mark.parametrize(
    ("name", "module"), [("site-keys.md", site_keys), ("troubleshooting.md", troubleshooting)]
)
def test_the_page_is_current(name: str, module: ModuleType, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        (DOCS / name).write_text(module.page())
    assert (DOCS / name).read_text() == module.page(), (
        "look at it; if it is right: pytest --update-golden"
    )


@cache
def page_of_keys() -> str:
    return site_keys.page()


@pytest.mark.parametrize("key", [path for path, _ in walk(Site)], ids=".".join)
def test_every_key_has_a_description_and_a_default(key: tuple[str, ...]) -> None:
    page = page_of_keys()
    if len(key) == 1:
        part = page.split(f"\n## {key[0]}\n")[1].split("\n## ")[0]
        assert "Required." in part or "Default: " in part
        return
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{'.'.join(key)}` |")]
    _, _, meaning, default, _ = (cell.strip() for cell in row.replace("\\|", "").split("|"))
    assert len(meaning) > 10 and default


def test_every_card_is_explained_and_no_other() -> None:
    assert {text.kind for text in card_texts()} == troubleshooting.card_notes().keys()
    for kind, note in troubleshooting.card_notes().items():
        assert note.keys() == {"why", "administrator", "checks"} and note["checks"], kind
        assert set(note["checks"]) <= {check.id for check in CHECKS}, kind


def test_no_card_of_the_code_is_missed() -> None:
    """Each word that the code gives as a card's kind is among the cards that were found."""
    kinds = set()
    for path in [*(CODE / "hub").rglob("*.py"), *(CODE / "backends").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "Card",
                "Explanation",
            ):
                kinds |= {part.value for part in node.args[:1] if isinstance(part, ast.Constant)}
    assert len(kinds) > 15 and kinds <= {text.kind for text in card_texts()}


def test_every_check_is_on_its_page() -> None:
    page = (DOCS / "doctor.md").read_text()
    assert [check.id for check in CHECKS if f"| `{check.id}` |" not in page] == []
    subjects = troubleshooting.page().split("## Checks")[1]
    heads = {check.id.partition(".")[0] for check in CHECKS}
    assert [head for head in heads if f"`{head}.`" not in subjects] == []
