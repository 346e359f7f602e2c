"""Write the bytecode that a starting server imports to one file of the release.

session/imports/release_modules.py reads this file. To find the modules, this module starts a server
as a test. With the option -v, Python lists the modules that the server imports. `-X importtime`
would not list modules that importlib.import_module imports, such as the server's extensions.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from ...base.progress import step
from ...base.run_program import Argv, run
from ...session.imports.release_modules import FILE
from ...site import Site
from .configure_release import plain_environment
from .releases import Release
from .required_package_contents import Piece
from .trial_run import started_server

IMPORTED = re.compile(r"^import '(\S+)' # ", re.MULTILINE)


def write_server_modules(site: Site, release: Release, pieces: list[Piece]) -> dict[str, str]:
    """Write the one file with the bytecode of all modules of a starting server. Return {path of the
    file: its SHA-256}.

    If the release has no server, write nothing, and return {}. If the server does not start, the
    file contains only the modules that were imported until then, and verify.py later reports the
    fault.
    """
    file = release.path / FILE
    file.unlink(missing_ok=True)
    if not {"jupyterhub", "jupyterlab"} <= {piece.name for piece in pieces}:
        return {}
    with step("Collecting the modules of a server") as s:
        names = imported(site, release)
        program = Path(__file__).with_name("write_bytecode_file.py")
        argv: Argv = [release.python, "-I", program, file]
        environment = plain_environment(release.path)
        run(argv, stdin="\n".join(names), env=environment, timeout=120)
        s.done(f"{len(names)} modules")
    return {FILE: hashlib.sha256(file.read_bytes()).hexdigest()}


def imported(site: Site, release: Release) -> list[str]:
    """Return the modules that a starting server imports before it listens on its port, in the order
    of their import."""
    with tempfile.TemporaryDirectory(prefix="sitekit-") as scratch:
        folder = Path(scratch)
        environment = plain_environment(release.path, folder)
        with started_server(site, release.python, environment, folder, "-v"):
            return IMPORTED.findall((folder / "server.log").read_text())
