"""Put the outputs of runs into the cells of a notebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from .cell_run import CellRun


def put_outputs(notebook: dict[str, Any], runs: Mapping[str, CellRun]) -> set[str]:
    """Change the outputs and the number of the cells that the runs are of; return the ids of the
    runs whose outputs the notebook now has.

    Only cells of the same id and of the same text are changed. A run has all outputs from its
    start, so that they replace those of the cell.
    """
    cells = notebook["cells"]
    ids = Counter(cell.get("id") for cell in cells)
    known = {cell["id"]: cell for cell in cells if cell.get("id") and ids[cell["id"]] == 1}
    put = set()
    for message, run in runs.items():
        cell = known.get(run.cell)
        if cell is not None and _is_of(cell, run):
            cell["outputs"] = run.outputs()
            cell["execution_count"] = run.count
            put.add(message)
    return put


def _is_of(cell: dict[str, Any], run: CellRun) -> bool:
    """Return whether the cell has the text that ran, and still has the outputs that were written
    before. A cell whose outputs the user has cleared or made anew since is not changed."""
    return (
        cell["cell_type"] == "code"
        and cell["source"] == run.code
        and (not run.written or cell.get("execution_count") == run.count)
    )
