"""How a release's program bin/jupyterhub is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitekit.base.errors import Problem
from sitekit.environment.release.configure_release import HUB, start_light_hub

PROGRAM = """#!{prefix}/bin/python
import sys
from jupyterhub.app import main
if __name__ == "__main__":
    sys.exit(main())
"""


def test_the_hubs_program_imports_sitekits_main(tmp_path: Path) -> None:
    start_light_hub(tmp_path)  # a release without JupyterHub
    program = tmp_path / HUB
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    for _ in range(2):  # a build that was interrupted does it again
        start_light_hub(tmp_path)
        ours = "from sitekit.hub.overrides.unused_imports import main"
        assert program.read_text() == PROGRAM.replace("from jupyterhub.app import main", ours)
    assert program.stat().st_mode & 0o777 == 0o755


def test_an_unknown_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / HUB).parent.mkdir()
    (tmp_path / HUB).write_text("import jupyterhub\n")
    with pytest.raises(Problem, match="does not contain the line"):
        start_light_hub(tmp_path)
    assert (tmp_path / HUB).read_text() == "import jupyterhub\n"
