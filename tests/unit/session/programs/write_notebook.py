"""Write outputs into notebooks with Jupyter Server's own contents manager, while something else
happens to the file; print what is then in the folder, as JSON, for each case by its name."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import notebook_cases
import notebook_file_cases
from jupyter_server.services.contents.filecheckpoints import AsyncGenericFileCheckpoints
from notebook_server import Log, Server

from sitekit.session.atomic_save import save_whole
from sitekit.session.outputs import write_outputs

CASES = (*notebook_cases.CASES, *notebook_file_cases.CASES)
NOBODY = 65534


async def run(case: Any, log: Log) -> Any:
    own: dict[str, Any] = {}
    if case is notebook_cases.a_manager_that_calls_itself:
        own["checkpoints_class"] = AsyncGenericFileCheckpoints
    write_outputs.SOON = write_outputs.EVERY = (
        0.1 if case is notebook_cases.written_again_while_a_cell_runs else 30.0
    )
    log.lines = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder), **own)
        try:
            found = await asyncio.wait_for(case(server), 240)
        except Exception as trouble:
            found = repr(trouble)
        server.close()
    return {"found": found, "log": log.lines}


async def run_all() -> None:
    log = Log()
    logging.getLogger("kernel").addHandler(log)
    print(json.dumps({case.__name__: await run(case, log) for case in CASES}))


if os.geteuid() == 0:  # root may write files that are read-only
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
os.environ["HOME"] = tempfile.mkdtemp()
save_whole()
asyncio.run(run_all())
