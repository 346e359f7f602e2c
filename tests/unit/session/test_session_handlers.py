"""The handlers of a running server are those that tests/handlers.py judges, and each has what its
kind promises."""

from __future__ import annotations

import importlib.util
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import session_parts
from session_parts import session

_spec = importlib.util.spec_from_file_location(
    "judged_handlers", Path(__file__).parents[2] / "handlers.py"
)
assert _spec and _spec.loader
_module = importlib.util.module_from_spec(_spec)
LIST = Path(__file__).parent / "programs" / "list_handlers.py"


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    import sys

    sys.modules[_spec.name] = _module  # dataclasses look there
    _spec.loader.exec_module(_module)
    return _module.table()


@pytest.fixture(scope="module")
def running(hub_environment: None) -> Iterator[list[tuple[str, list[str]]]]:
    """Each handler's pattern, below the server's own address, and its class with all that it
    derives from."""
    with (
        tempfile.TemporaryDirectory(prefix="sitekit-test-handlers-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        lists = f"import runpy; runpy.run_path({str(LIST)!r}); "
        patch.setattr(session_parts, "RUN", lists + session_parts.RUN)
        with session(LISTED=f"{folder}/listed") as _:
            told = json.loads(Path(folder, "listed").read_text())
    yield [(pattern.replace("/user/u", "", 1), kinds) for pattern, kinds in told]


def test_no_handler_is_there_that_nobody_has_judged(running: Any, table: dict[str, Any]) -> None:
    unknown = []
    for pattern, kinds in running:
        _, addresses = table.get(kinds[0], (None, ()))
        if not any(re.fullmatch(pattern, address) for address in addresses):
            unknown.append(f"{pattern} {kinds[0]}")
    assert unknown == [], "say in tests/handlers.py why these are safe, or guard them"


def test_no_judgement_is_of_a_handler_that_is_gone(running: Any, table: dict[str, Any]) -> None:
    patterns: dict[str, list[str]] = {}
    for pattern, kinds in running:
        patterns.setdefault(kinds[0], []).append(pattern)
    gone = [
        f"{name} {address}"
        for name, (_, addresses) in table.items()
        for address in addresses
        if not any(re.fullmatch(pattern, address) for pattern in patterns.get(name, ()))
    ]
    assert gone == []


def test_each_has_what_its_kind_promises(running: Any, table: dict[str, Any]) -> None:
    for _, kinds in running:
        judged, _ = table[kinds[0]]
        assert (judged.kind == "websocket") <= ("tornado.websocket:WebSocketHandler" in kinds), (
            kinds[0]
        )
        assert (judged.kind in ("api", "report")) <= (
            "jupyter_server.base.handlers:APIHandler" in kinds
        ), kinds[0]
