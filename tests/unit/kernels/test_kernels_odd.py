"""Modules that are named, or behave, as nobody expects: each is a line of the table, and all others
are published."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kernel_site
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_site import KernelSite

from sitekit.base.run_program import run
from sitekit.kernels import result_table
from sitekit.kernels.discovery import run_spider
from sitekit.kernels.discovery.list_candidates import candidates
from sitekit.kernels.discovery.list_modules import natural, read_tree
from sitekit.kernels.discovery.rules import Rules
from sitekit.kernels.result_table import Row
from sitekit.kernels.trials.probe_candidates import Failure, probe

ODD = ["~", "a b,c%d^e[f]*", "é²", "{0}'\"$\\`", "a:b", "-x", "a\nb", "x" * 240]
BEHAVIOUR = {
    "prints/1": 'print("{")\nprint("os.environ[\\"PATH\\"] = \\"/nonexistent\\";")\n',
    "ends/1": "os.exit(3)\n",
    "latin/1": 'LmodError("\\233 \\200 \\027[31m")\n',
    "nopath/1": 'unsetenv("PATH")\nunsetenv("HOME")\n',
    "loop/1": 'depends_on("loop/1")\n',
    "endless/1": 'if (mode() == "spider") then while true do end end\n',
}


@pytest.fixture(scope="module")
def site(hub_environment: None) -> Iterator[KernelSite]:
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        site.plain_python_module("python/3.99")
        yield site


def published(site: KernelSite, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run `make kernels`; the lines of its table that start a row."""
    capsys.readouterr()
    site.make()
    assert "python-3.99" in site.names()
    said = capsys.readouterr().out.splitlines()
    return [
        line
        for line in said
        if line.startswith("  ") and line[2:].split(" ")[0] in result_table.ORDER
    ]


def test_odd_names_and_what_modules_do_never_end_the_command(
    site: KernelSite, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up_the_endless(words: Any, *, timeout: float, **more: Any) -> Any:
        """Wait only a few seconds where the spider never ends."""
        endless = any(Path(folder, "endless").exists() for folder in words[-1].split(":"))
        return run(words, timeout=6 if endless else timeout, **more)

    monkeypatch.setattr(run_spider, "run", give_up_the_endless)
    monkeypatch.setattr(run_spider, "PART", 300)
    text = (site.modules / "python" / "3.99.lua").read_text()
    for name in ODD:
        site.module(f"{name}/1", text)
    for name, more in BEHAVIOUR.items():
        site.module(name, text + more)
    try:
        rows = published(site, capsys)
    finally:
        for name in (*ODD, *(name.split("/")[0] for name in BEHAVIOUR)):
            shutil.rmtree(site.modules / name)
    assert {"1", "a-b-c-d-e-f-1", "0-1"} <= set(site.names())
    for shown in ("a:b/1", "-x/1", "ends/1", "latin/1", "prints/1"):
        assert sum(f" {shown} " in f"{row} " for row in rows if row.startswith("  FAILED")) == 1, (
            rows
        )
    assert sum("it cannot be tried" in row or "xxx" in row for row in rows), rows
    assert [row.split()[0] for row in rows if f"{site.modules}/endless" in row] == ["FAILED"]


def test_a_rule_that_the_spider_cannot_read_is_one_line(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cluster", "other"):
        (site.modules / name).mkdir()
        (site.modules / name / "a").write_text("#%Module1.0\nsetenv CLUSTER a\n")
        (site.modules / name / ".modulerc").write_text(
            '#%Module1.0\nputs stderr "The default cluster cannot be determined"\nexit 1\n'
        )
    try:
        site.make()
        said = capsys.readouterr().out
        tree, broken = read_tree(site.site, None, {})
    finally:
        for name in ("cluster", "other"):
            shutil.rmtree(site.modules / name)
    assert "python-3.99" in site.names()
    assert "The default cluster cannot be determined" in said
    assert [entry.path for entry in broken] == [site.modules / "cluster", site.modules / "other"]
    [module] = tree
    assert module.files == (site.modules / "python" / "3.99.lua",) and module.roots == (
        site.modules,
    )


def test_variables_of_the_sites_lmod_reach_the_spider(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.modules / "cluster").mkdir()
    (site.modules / "cluster" / "a").write_text("#%Module1.0\nsetenv CLUSTER a\n")
    (site.modules / "cluster" / ".modulerc").write_text(
        "#%Module1.0\nif {[info exists ::env(SITE_DEFAULT_CLUSTER)]} {\n"
        "  module-version cluster/$::env(SITE_DEFAULT_CLUSTER) default\n} else {\n  exit 1\n}\n"
    )
    site.rules.write_text("load_environment: {SITE_DEFAULT_CLUSTER: a}\n")
    try:
        assert site.make() == 0
        assert "cannot read" not in capsys.readouterr().out and "python-3.99" in site.names()
    finally:
        site.rules.write_text("# no opinions\n")
        shutil.rmtree(site.modules / "cluster")


NAME = st.text(
    st.characters(exclude_characters="/\0\t\n\x0b\f\r \x85\xa0", exclude_categories=["Cs"]),
    min_size=1,
    max_size=60,
)


@settings(max_examples=6, deadline=None)
@given(
    st.lists(
        NAME.filter(lambda name: name not in (".", "..") and len(os.fsencode(name)) < 200),
        max_size=4,
    )
)
def test_any_name_is_a_kernel_or_a_reason(site: KernelSite, names: list[str]) -> None:
    text = (site.modules / "python" / "3.99.lua").read_text()
    tree = site.root / "any"
    for name in names:
        site.module(f"{name}/{name}", text, tree)
    site.module("python/3.99", text, tree)
    try:
        values = site.site.kernels.model_copy(update={"modulepath": (tree,)})
        small = site.site.model_copy(update={"kernels": values})
        modules, broken = read_tree(small, None, {})
        found, _ = candidates(modules, Rules())
        assert "python-3.99" in [candidate.id for candidate in found] and not broken
        for candidate in found:
            result = probe(small, Rules(), candidate, None)
            reason = result.reason if isinstance(result, Failure) else ""
            shown = result_table.lines([Row("FAILED", candidate.id, candidate.label, "", reason)])
            assert "\n".join(shown).replace("\n", "").isprintable()
    finally:
        shutil.rmtree(tree)


@given(st.text(), st.text())
def test_any_two_names_can_be_sorted(one: str, other: str) -> None:
    assert sorted([one, other], key=natural)
    assert (natural(one) == natural(other)) == (one == other) or any(c.isdecimal() for c in one)


def test_no_file_can_be_named_longer_than_the_filesystem_has_it(site: KernelSite) -> None:
    from sitekit.kernels.discovery.list_candidates import slug

    names = ["x" * 240, "x" * 239 + "y"]
    assert all(len(slug(name)) <= 110 for name in names) and slug(names[0]) != slug(names[1])
    assert Path(slug("a/" + "-" * 300 + "b")).name == slug("a/" + "-" * 300 + "b")
