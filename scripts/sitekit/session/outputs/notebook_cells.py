"""Put the outputs of runs into the cells of a notebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from .cell_run import CellRun


def put_outputs(notebook: dict[str, Any], runs: Mapping[str, CellRun]) -> set[str]:
    """Put the outputs and the number of each run into the cell that ran. Return the ids of the runs
    whose outputs are now in the notebook.

    A cell is changed only if it has the same id and the same text as the cell that ran. The outputs
    of a run replace all outputs of the cell, because the run has all outputs from its start.
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
    before. A cell is not changed if the user has cleared the outputs, or has run the cell again."""
    return (
        cell["cell_type"] == "code"
        and cell["source"] == run.code
        and (not run.written or cell.get("execution_count") == run.count)
    )
