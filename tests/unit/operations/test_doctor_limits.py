"""With SECONDS=, the time limits of the programs that the checks run grow with the checks' own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sitekit.machine.host.platform import platforms
from sitekit.operations.doctor import checks
from sitekit.operations.doctor.context import Context
from sitekit.operations.doctor.run_checks import ALL_SECONDS, run_checks
from sitekit.site import load_site

TOP = Path(__file__).parents[3]
FILES = sorted(Path(checks.__file__).parent.glob("*.py"))


@pytest.mark.parametrize(("factor", "patience"), [(4, 4.0), (1, 1.0), (0.1, 1.0)])
def test_a_limit_grows_and_never_shrinks(factor: float, patience: float) -> None:
    here = Context(load_site(TOP / "config/sites/demo.yml"), platforms()["debian"], None, root=True)
    run_checks([], here, seconds=factor * ALL_SECONDS)
    assert here.patience == patience


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_program_has_a_limit_that_grows(file: Path) -> None:
    """Or one that the function is given, or the minute that every program has."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    limits = {
        node.lineno: {word.arg: ast.unparse(word.value) for word in node.keywords}.get(
            "timeout", ""
        )
        for node in calls
        if ast.unparse(node.func) == "run"
    }
    fixed = [
        line
        for line, limit in limits.items()
        if limit and not limit.endswith(("patience", "seconds"))
    ]
    assert not fixed, f"{file.name}: lines {fixed}"
