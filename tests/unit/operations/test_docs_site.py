"""The documentation as a static site: complete, strict, without requests to other hosts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from machine_sites import shipped

from sitekit.base.errors import BadInput, Problem
from sitekit.environment.release.remove_releases import DOCS_MARK
from sitekit.operations.pages.build_site import build_into, docs, run_sphinx
from sitekit.operations.pages.this_site import page
from sitekit.site import Site

TOP = Path(__file__).parents[3]
SITE = shipped("triton")
ODD = "A | <b>tier</b> [x](y) `z`"


def with_odd_title() -> Site:
    values = SITE.model_dump(mode="json")
    values["tiers"][0]["title"] = ODD
    return Site.model_validate(values)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site in place of an older one."""
    folder = tmp_path_factory.mktemp("site") / "docs"
    folder.mkdir()
    (folder / DOCS_MARK).write_text("")
    (folder / "old.html").write_text("")
    assert docs(with_odd_title(), f"TO={folder}") == 0
    return folder


def test_the_older_one_is_replaced(built: Path) -> None:
    assert not (built / "old.html").exists()
    assert [path.name for path in built.parent.iterdir()] == ["docs"]


def test_every_page_is_built(built: Path) -> None:
    pages = [*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")]
    names = [str(page.relative_to(TOP).with_suffix(".html")) for page in pages]
    assert [name for name in names if not (built / name).is_file()] == []
    assert (built / "index.html").read_text() == (built / "README.html").read_text()


def test_no_request_leaves_and_no_script_is_in_a_page(built: Path) -> None:
    for path in built.rglob("*.html"):
        text = path.read_text()
        for tag in re.findall(r"<(?:script|link|img|iframe|form|source)\b[^>]*>", text):
            assert "//" not in re.sub(r'content="[^"]*"', "", tag), (path.name, tag)
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", text), path.name
        assert not re.search(r"<[^>]+\son\w+=", text), path.name
    for path in built.rglob("*.css"):
        assert not re.search(r"(url\(\s*['\"]?|@import\s+['\"])(https?:)?//", path.read_text()), (
            path
        )


def test_each_link_leads_to_a_file_and_a_place_in_it(built: Path) -> None:
    for path in built.rglob("*.html"):
        for link in re.findall(r'href="([^"]*)"', path.read_text()):
            parts = urlsplit(link.replace("&amp;", "&"))
            if parts.scheme or not (parts.path or parts.fragment):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), (path.name, link)
            if parts.fragment and target.suffix == ".html":
                assert f'id="{unquote(parts.fragment)}"' in target.read_text(), (path.name, link)


def test_everybody_may_read_it_and_nothing_is_a_link(built: Path) -> None:
    for path in [built, *built.rglob("*")]:
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)


def test_the_page_of_the_site_shows_texts_as_they_are(built: Path) -> None:
    text = (built / "docs" / "this-site.html").read_text()
    assert "A | &lt;b&gt;tier&lt;/b&gt; [x](y) `z`" in text and "Jupyter on Triton" in text


def test_the_page_of_the_site_has_the_kernels(tmp_path: Path) -> None:
    values = SITE.model_dump(mode="json")
    values["paths"]["prefix"] = str(tmp_path)
    site = Site.model_validate(values)
    for name, text in {
        "a": json.dumps({"display_name": "Python <3>", "language": "python"}),
        "b": "{",
        "c": json.dumps({"display_name": "R"}),
    }.items():
        (site.kernels_current / "kernels" / name).mkdir(parents=True)
        (site.kernels_current / "kernels" / name / "kernel.json").write_text(text)
    assert page(site).split("|---|---|\n")[-1] == "| Python &#60;3&#62; | python |\n"


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"README.md": "# A\n\n[b](nothing.md)\n"}, "nothing"),
        ({"README.md": "# A\n\n[b](#nothing)\n"}, "nothing"),
        ({"README.md": "# A\n", "b.md": "# B\n"}, "b.md"),
    ],
    ids=["page", "heading", "in no group"],
)
def test_a_fault_in_a_page_fails(tmp_path: Path, files: dict[str, str], fault: str) -> None:
    (tmp_path / "pages").mkdir()
    for name, text in files.items():
        (tmp_path / "pages" / name).write_text(text)
    with pytest.raises(Problem, match=fault):
        run_sphinx(tmp_path)


def test_only_a_folder_of_its_own_is_replaced(tmp_path: Path) -> None:
    other, link = tmp_path / "other", tmp_path / "link"
    other.mkdir()
    (other / "precious").write_text("x")
    link.symlink_to(other)
    for target in (other, link, tmp_path / "no" / "parent"):
        with pytest.raises(BadInput):
            build_into(SITE, target)
    for words in (("INTO=x",), ("TO=",)):
        with pytest.raises(BadInput):
            docs(SITE, *words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "other"]
    assert [path.name for path in other.iterdir()] == ["precious"]
