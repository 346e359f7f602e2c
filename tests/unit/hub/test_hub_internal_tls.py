"""The hub's side of internal TLS, in the hub's Python: whom its client reaches, and whom its port
answers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import kernel_site
import pytest
from machine_sites import demo

from sitekit.machine.host.target import Target
from sitekit.machine.render.certificate_authorities import internal_tls_files
from sitekit.site.show import dump

pytestmark = pytest.mark.usefixtures("hub_environment")

PROGRAMS = Path(__file__).parent / "programs"
SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What lies in /etc/sitekit/NAME/internal, and the site."""
    site = demo()
    for path, file in internal_tls_files(Target(site, tmp_path / "machine")).items():
        (tmp_path / path.name).write_text(file.content)
    (tmp_path / "site.yml").write_text(dump(site))
    return tmp_path


def said(program: str, folder: Path) -> Any:
    """What a program prints in the hub's Python."""
    command = [
        kernel_site.release() / "bin/python",
        "-B",
        "-I",
        PROGRAMS / program,
        SCRIPTS,
        folder,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_hubs_client_speaks_to_the_server_of_this_start_alone(folder: Path) -> None:
    """Negative: nobody answered; 0: and nobody was told a byte of the request."""
    found = said("call_servers.py", folder)
    assert found.pop("itself") > 0
    assert found == {"another": 0, "expired": 0, "plain": 0, "unknown": 0}


def test_the_hubs_port_answers_who_has_a_certificate(folder: Path) -> None:
    assert said("call_hub_port.py", folder) == {
        "server": ["servers", "aaaa"],
        "proxy": ["services", "proxy"],
        "culler": ["servers", "culler"],
        "expired": None,
        "without": None,
        "plain": None,
        "plain, while it is taken": ["", ""],
        "server, while plain is taken": ["servers", "aaaa"],
    }


def test_strangers_connections_take_no_ones_place(folder: Path) -> None:
    found = said("crowd_hub_port.py", folder)
    assert all(found.values()), found
