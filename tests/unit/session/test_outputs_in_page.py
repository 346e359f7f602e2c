"""JupyterLab's page shows the outputs of runs that it has not received (outputs.js, in node)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import kernel_site

from sitekit.base.data_files import CHECKOUT

STATIC = CHECKOUT / "scripts/sitekit/session/labextension/static"
PROGRAM = Path(__file__).parent / "programs" / "follow_outputs.mjs"


def test_many_runs_need_no_long_url_and_what_is_not_shown_is_not_acknowledged(
    hub_environment: None, tmp_path: Path
) -> None:
    shutil.copy(STATIC / "outputs.js", tmp_path)
    shutil.copy(PROGRAM, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "server.js").write_text("export const ask = (app, path) => app.ask(path);\n")
    node = kernel_site.release() / "bin/node"
    done = subprocess.run(
        [node, tmp_path / PROGRAM.name], check=True, stdout=subprocess.PIPE, timeout=300
    )
    told = json.loads(done.stdout)
    assert told["kept"] == ["cell 3", "cell 4"] and told["shown"] == 198
    assert told["longest"] < 4000 and told["requests"] < 10
