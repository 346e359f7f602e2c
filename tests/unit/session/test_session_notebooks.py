"""What happens to a notebook that the server writes while something else happens to its file."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import kernel_site
import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
WRITE = Path(__file__).parent / "programs" / "write_notebook.py"
NAMES = ["0.ipynb", "link.ipynb", "folder/2.ipynb", "hard.ipynb"]
FOUND = {
    "beside_other_extensions": {
        "jupyter_server_ydoc False": True,
        "jupyter_server_ydoc True": False,
        "jupyter_server_nbmodel True": False,
        "jupyter_server_documents True": False,
    },
    "page_saves_while_the_server_writes": [[True, f"typed in {name}"] for name in NAMES],
    "page_restores_a_checkpoint_while_the_server_writes": True,
    "a_manager_that_calls_itself": True,
    "page_saves_and_fails": "printed\n",
    "the_disk_is_full": [
        [[True, [], "printed\n"], [True, [".~True.ipynb"], "printed\n"]],
        0,
    ],
    "retries_become_rare": [60, 120, 240, 480, 960, 960, 960],
    "written_again_while_a_cell_runs": [["first\n", "second\n"], None],
    "deleted": False,
    "renamed": ["b/y.ipynb", "printed\n", "b/y.ipynb"],
    "read_only": [True, "printed\n"],
    "replaced_by_a_link": [[True, True], [True, True], [True, False]],
    "two_names_of_one_file": [True, "printed\n"],
    "read_by_another_name": "printed\n",
    "no_json": [[True] * 5, [".~x.ipynb", "x.ipynb"]],
    "what_a_notebook_may_not_have": [["stream", "display_data", "stream"], "a?b\n"],
    "changed_by_another_program": ["another()", []],
    "ten_megabytes": ["printed\n", 10_000_000],
    "too_large": "",
    "ends_after_a_page_has_read_it": "printed\nmore\n",
}
LOGGED = {
    "the_disk_is_full": 2,
    "retries_become_rare": 1,
    "deleted": 1,
    "read_only": 1,
    "replaced_by_a_link": 2,
    "two_names_of_one_file": 1,
    "no_json": 4,
    "what_a_notebook_may_not_have": 5,
    "too_large": 1,
}
"""How many lines the server's log has about each case."""


@pytest.fixture(scope="module")
def cases(hub_environment: None) -> dict[str, Any]:
    python = kernel_site.release() / "bin/python"
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, WRITE], env=environment, capture_output=True, text=True, timeout=1000
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_case_is_known(cases: dict[str, Any]) -> None:
    assert set(cases) == set(FOUND)


@pytest.mark.parametrize("case", FOUND)
def test_the_file_is_what_it_should_be(cases: dict[str, Any], case: str) -> None:
    assert cases[case]["found"] == FOUND[case]
    assert len(cases[case]["log"]) == LOGGED.get(case, 0), cases[case]["log"]
