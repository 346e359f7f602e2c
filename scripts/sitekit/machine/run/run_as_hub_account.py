"""Run a program with the release's Python as the hub's account, which can use the hub's database."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base.run_program import run
from ...contracts.database_url import database_url
from ...site import Site


def run_hub_program(
    site: Site, words: list[str], asked: Mapping[str, Any], timeout: float = 60
) -> Any:
    """Run the release's Python with the arguments `words`, and return the JSON value that the
    program prints.

    The program reads `asked` and the URL of the hub's database as JSON from standard input.
    Therefore no token appears on a command line. `timeout` is in seconds. Raises CommandFailed.
    """
    done = run(
        [site.current / "bin/python", "-I", *words],
        user=site.hub.user,
        cwd=Path("/"),
        env={"PATH": "/usr/bin:/bin", "HOME": os.fspath(site.paths.state)},
        stdin=json.dumps({"database": database_url(site), **asked}),
        timeout=timeout,
    )
    return json.loads(done.stdout)
