"""Start a user's server and a kernel as a test, and measure the memory of each.

Processes of several servers share some memory, for example the code of Python. The functions count
only the memory that is not shared (USS in psutil's documentation), because each further server
needs only this memory.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import psutil

from ...base.errors import BadInput, Problem
from ...base.run_program import run
from ...environment.release.configure_release import plain_environment
from ...environment.release.trial_run import started_server
from ...kernels.discovery.list_modules import natural
from ...site import Site

MIB = 1024 * 1024
PROGRAM = Path(__file__).parent / "inside" / "kernel_memory.py"
OWN = "python3"
"""The name of the kernel of the release's own Python."""


def server_memory(site: Site) -> int:
    """Start a server of the current release, and return the server's memory in MiB. Raises
    Problem."""
    python = _python(site)
    with tempfile.TemporaryDirectory(prefix="sitekit-") as name:
        environment = plain_environment(site.current, Path(name))
        with started_server(site, python, environment, Path(name)) as (server, faults):
            if faults:
                raise Problem(
                    f"no server could be measured: {faults[0]}", remedy="make install_all"
                )
            process = psutil.Process(server.pid)
            family = [process, *process.children(recursive=True)]
            return sum(one.memory_full_info().uss for one in family) // MIB


def kernel_memory(site: Site) -> tuple[str, int]:
    """Start a published Python kernel, or the release's own ipykernel if no Python kernel is
    published. Return the kernel's title and its memory in MiB. Raises Problem."""
    title, name = next(iter(python_kernels(site)), ("of the release's own Python", OWN))
    with tempfile.TemporaryDirectory(prefix="sitekit-") as home:
        environment = plain_environment(site.current, Path(home))
        environment |= {"JUPYTER_PATH": str(site.kernels_current)}
        done = run([_python(site), "-I", PROGRAM, name], env=environment, timeout=180)
    return title, int(done.stdout.split()[-1]) // MIB


def _python(site: Site) -> Path:
    """Return the current release's Python. Raises BadInput if no release is installed."""
    python = site.current / "bin" / "python"
    if not python.exists():
        what = f"there is no release in {site.paths.prefix}, whose server could be measured"
        raise BadInput(what, "paths.prefix", "make setup_conda install_all")
    return python


def python_kernels(site: Site) -> list[tuple[str, str]]:
    """Return each published Python kernel as (title, name). The kernel with the highest version
    number in its name is the first."""
    found = []
    for file in site.kernels_current.glob("kernels/*/kernel.json"):
        spec = json.loads(file.read_text())
        if spec.get("language") == "python":
            found.append((str(spec.get("display_name")), file.parent.name))
    return sorted(found, key=lambda kernel: natural(kernel[1]), reverse=True)
