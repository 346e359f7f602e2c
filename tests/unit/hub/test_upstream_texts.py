"""JupyterHub's own templates, as the release has them, are shown in another language.

An upgrade of JupyterHub that changes a text fails here: change it in translate_jupyterhub_templates.py too.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import kernel_site
import pytest

TOP = Path(__file__).parents[3]


@pytest.mark.usefixtures("hub_environment")
def test_texts_are_there_and_are_translated() -> None:
    program = Path(__file__).with_name("upstream_texts.py")
    argv = [kernel_site.release() / "bin" / "python", "-B", program]
    ours = {**os.environ, "PYTHONPATH": str(TOP / "scripts")}
    done = subprocess.run(argv, cwd="/", env=ours, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "gone: " not in done.stdout
    for text in (
        '<html lang="de">',
        ">Benutzername:</label>",
        'title="Passwort zeigen"',
        "value='Anmelden'",
        "Ihr Server wird gestoppt.",
        'placeholder="Notiz, an der Sie das neue Token erkennen"',
    ):
        assert text in done.stdout, text
    assert "Username:" not in done.stdout and "Your server is stopping" not in done.stdout
