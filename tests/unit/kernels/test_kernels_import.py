"""An older Makefile's envkernel lines become kernels.yml: golden, read back, and nothing of the Makefile is run."""

from __future__ import annotations

from pathlib import Path

import kernel_site
import pytest
from kernel_site import KernelSite

from sitekit.base.errors import BadInput
from sitekit.kernels.commands import kernels_import
from sitekit.kernels.discovery.parse_makefile import command_lines
from sitekit.kernels.discovery.rules import load_rules

FIXTURE = Path(__file__).parent / "envkernel_makefile"


@pytest.fixture(scope="module")
def site(hub_environment: None):
    with kernel_site.world_readable() as root:
        yield KernelSite(root).site


def test_golden(site, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> None:
    assert kernels_import(site, str(FIXTURE / "Makefile")) == 0
    said = capsys.readouterr().out.replace(f"{FIXTURE}/", "")
    if request.config.getoption("--update-golden"):
        (FIXTURE / "kernels.yml").write_text(said)
    assert said == (FIXTURE / "kernels.yml").read_text(), "look at it; if it is right: pytest --update-golden"


def test_it_is_a_good_kernels_yml() -> None:
    rules = load_rules(FIXTURE / "kernels.yml").kernels
    assert [rule.id for rule in rules if rule.modules][:2] == ["python3", "pypy_3.10"]
    assert {rule.language for rule in rules} == {None, "matlab", "R", "julia", "bash"}
    assert {str(rule.place) for rule in rules if rule.place} >= {"/appl/envs/torch", "/appl/images/nlp.sif"}


def test_each_line_of_envkernels_is_accounted_for() -> None:
    """17 in the file, one of them a comment, one in a loop of three."""
    text = (FIXTURE / "Makefile").read_text()
    told = (FIXTURE / "kernels.yml").read_text()
    numbers = [n for n, line in enumerate(text.splitlines(), 1) if "envkernel " in line and line.startswith("\t")]
    for number in numbers:
        assert f"# line {number}" in told or f"# line {number - 2}" in told, number  # a loop is told by its first line


def test_nothing_in_the_makefile_is_run(tmp_path: Path, site, capsys: pytest.CaptureFixture[str]) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "Makefile").write_text(
        f"X := $(shell touch {mark})\nY != touch {mark}\n"
        f"kernels:\n\tenvkernel lmod --name=`touch {mark}` $(X) $$(touch {mark}) python/3.11; touch {mark}\n"
        f"\tenvkernel lmod --name=a --env=A='$(shell touch {mark})' 'x;touch {mark}'\n"
    )
    kernels_import(site, str(tmp_path / "Makefile"))
    assert not mark.exists() and "full name" in capsys.readouterr().out


def test_make_and_shell_are_read_as_they_mean_it(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(
        "A = one\nA += two # three\nB = ${A}\nA ?= four\n"
        "E = envkernel\nkernels: x ; $(E) lmod --name=same-line x/1\n"
        "k:\n\t-@test -d x && ( cd y ; VAR=1 /opt/bin/envkernel lmod --name=n $(B) ) || true # envkernel lmod z/1\n"
        "\tpip install envkernel\n\techo 'envkernel lmod'\n\techo it's envkernel\n"
    )
    lines = command_lines(tmp_path / "Makefile")
    assert [line.words for line in lines if not line.fault] == [
        ("lmod", "--name=same-line", "x/1"),
        ("lmod", "--name=n", "one", "two"),
    ]
    assert [(line.number, "cannot be read" in line.fault) for line in lines if line.fault] == [(11, True)]


@pytest.mark.parametrize("words", [(), ("a", "b")])
def test_which_makefile_has_to_be_said(site, words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="which Makefile"):
        kernels_import(site, *words)


def test_a_makefile_without_envkernel_is_refused(site, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\ttrue\n")
    with pytest.raises(BadInput, match="no command line"):
        kernels_import(site, str(tmp_path / "Makefile"))
    with pytest.raises(BadInput, match="cannot be read"):
        kernels_import(site, str(tmp_path / "none"))
