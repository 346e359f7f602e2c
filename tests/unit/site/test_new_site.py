"""`make new_site`: a small site file that is valid as it stands, and is never written over another."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitekit.base.errors import BadInput
from sitekit.site import load_site
from sitekit.site.new_site import new_site


def test_what_it_writes_is_a_valid_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODULEPATH", "/apps/modules:/apps/more modules")
    monkeypatch.delenv("LMOD_PKG", raising=False)
    file = tmp_path / "site.yml"
    assert (
        new_site(
            "NAME=lab",
            "URL=https://hub.example.org",
            "GROUP=hpc,staff",
            "PARTITION=short",
            file=file,
        )
        == 0
    )
    site = load_site(file)
    assert (site.name, site.front.url) == ("lab", "https://hub.example.org")
    assert site.login.allowed_groups == ("hpc", "staff")
    assert site.tiers[0].partitions == ("short",)
    assert [str(path) for path in site.kernels.modulepath] == ["/apps/modules"]
    assert list(tmp_path.iterdir()) == [file]


def test_without_a_word_it_is_valid_too(tmp_path: Path) -> None:
    new_site(file=tmp_path / "site.yml")
    assert load_site(tmp_path / "site.yml").name == "main"


def test_a_site_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text("mine")
    with pytest.raises(BadInput, match="a site file already exists"):
        new_site(file=tmp_path / "site.yml")
    assert (tmp_path / "site.yml").read_text() == "mine"


@pytest.mark.parametrize(
    "word", ["NAME=Main Hub", "URL=http://hub", "TITLE=x", "GROUP=a]\nb: [c", "PREFIX=/", "GROUP"]
)
def test_a_value_that_does_not_fit_writes_nothing(word: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        new_site(word, file=tmp_path / "site.yml")
    assert list(tmp_path.iterdir()) == []
