"""An older Makefile's envkernel lines become kernels.yml: golden, read back, and nothing of the
Makefile is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitekit.base.errors import BadInput
from sitekit.kernels.commands import kernels_import
from sitekit.kernels.discovery.parse_makefile import command_lines
from sitekit.kernels.discovery.rules import load_rules

FIXTURE = Path(__file__).parent / "envkernel_makefile"


def test_golden(capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> None:
    assert kernels_import(str(FIXTURE / "Makefile")) == 0
    said = capsys.readouterr().out.replace(f"{FIXTURE}/", "")
    if request.config.getoption("--update-golden"):
        (FIXTURE / "kernels.yml").write_text(said)
    assert said == (FIXTURE / "kernels.yml").read_text(), (
        "look at it; if it is right: pytest --update-golden"
    )


def test_it_is_a_good_kernels_yml() -> None:
    rules = load_rules(FIXTURE / "kernels.yml").kernels
    assert [rule.id for rule in rules if rule.modules][:2] == ["python3", "pypy_3.10"]
    assert {rule.language for rule in rules} == {None, "matlab", "R", "julia", "bash"}
    assert {str(rule.place) for rule in rules if rule.place} >= {
        "/appl/envs/torch",
        "/appl/images/nlp.sif",
    }


def test_each_line_of_envkernels_is_accounted_for() -> None:
    """17 in the file, one of them a comment, one in a loop of three."""
    text = (FIXTURE / "Makefile").read_text()
    told = (FIXTURE / "kernels.yml").read_text()
    numbers = [
        n
        for n, line in enumerate(text.splitlines(), 1)
        if "envkernel " in line and line.startswith("\t")
    ]
    for number in numbers:
        # a loop is told by its first line
        assert f"# line {number}" in told or f"# line {number - 2}" in told, number


def test_nothing_in_the_makefile_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "Makefile").write_text(
        f"X := $(shell touch {mark})\nY != touch {mark}\ninclude {mark}.mk\n$(shell touch {mark})\n"
        f"kernels:\n\tenvkernel lmod --name=`touch {mark}` $(X) $$(touch {mark}) python/3.11; touch {mark}\n"
        f"\tenvkernel lmod --name=a --env=A='$(shell touch {mark})' python/3.11\n"
        f"\tenvkernel lmod --name=a 'x;touch {mark}'\n"
    )
    kernels_import(str(tmp_path / "Makefile"))
    said = capsys.readouterr().out
    assert not mark.exists() and "full name" in said
    assert [n for n in range(1, 9) if f"# line {n}:" in said] == [2, 3, 4, 6, 7, 8]
    assert "kernels:\n" not in said


def read(folder: Path, text: str) -> tuple[list[tuple[str, ...]], list[tuple[int, str]]]:
    """The words of envkernel's lines, and what was not understood, by line."""
    lines = command_lines(folder / "Makefile", text)
    faults = [(line.number, line.fault) for line in lines if line.fault]
    return [line.words for line in lines if not line.fault], faults


def test_make_and_shell_are_read_as_they_mean_it(tmp_path: Path) -> None:
    words, faults = read(
        tmp_path,
        "B = ${A}\nA = one\nA += two # three\nE = envkernel\n"
        "k:\n\t-@test -d x && ( V=1 /opt/$(E) lmod --name=n $(B) ) || true # envkernel lmod\n"
        "\tpip install envkernel\n\techo 'envkernel lmod'\n#\tenvkernel lmod --name=off x\n"
        "\tfor m in a/1 \\\n\t  b/2; do envkernel lmod --name=`echo $${m} | tr / -` $$m; done\n"
        "LATER = three\nl:\n\tenvkernel lmod --name=l $(LAST)\nLAST = $(LATER)\n",
    )
    assert words == [
        ("lmod", "--name=n", "one", "two"),
        ("lmod", "--name=a-1", "a/1"),
        ("lmod", "--name=b-2", "b/2"),
        ("lmod", "--name=l", "three"),
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ifeq ($(A),1)", "of make's"),
        ("A != ls", "of make's"),
        ("kernels: x ; envkernel lmod --name=n x/1", "of make's"),
        ("\t$(foreach m,a b,envkernel lmod --name=$(m) $(m);)", "function of make's"),
        ("\t$(call kernel,python3,python/3.11)", "function of make's"),
        ("\t$(shell which envkernel) lmod --name=n x/1", "function of make's"),
        ("\tif true; then envkernel lmod --name=n x/1; fi", "not plain"),
        ("\tcd x; for m in a b; do envkernel lmod --name=$$m $$m; done", "not plain"),
        ("\tsudo envkernel lmod --name=n x/1", "not plain"),
        ("\tenvkernel lmod --name=n x/1 >log", "redirects"),
        ("\tenvkernel lmod --name=n `cat list`", "within the command"),
        ("\tenvkernel lmod --name=$$(echo n) x/1", "within the command"),
        ("\techo it's envkernel", "No closing quotation"),
    ],
)
def test_what_is_not_understood_is_told_with_its_line(tmp_path: Path, line: str, why: str) -> None:
    words, [(number, fault)] = read(tmp_path, f"# kernels\nk:\n{line}\n")
    assert (words, number) == ([], 3) and why in fault


def test_a_variable_that_is_set_twice_is_not_known(tmp_path: Path) -> None:
    """It may stand in two branches of a condition."""
    assert read(tmp_path, "A = 1\nA = 2\nk:\n\tenvkernel lmod --name=n x/$(A)\n") == (
        [("lmod", "--name=n", "x/${...}")],
        [],
    )


@pytest.mark.parametrize("words", [(), ("a", "b")])
def test_which_makefile_has_to_be_said(words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="no Makefile is named"):
        kernels_import(*words)


def test_a_makefile_without_envkernel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\ttrue\n")
    with pytest.raises(BadInput, match="no command line"):
        kernels_import(str(tmp_path / "Makefile"))
    with pytest.raises(BadInput, match="cannot be read"):
        kernels_import(str(tmp_path / "none"))
