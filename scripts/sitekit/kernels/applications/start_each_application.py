"""Implement `make applications_check`: start each application as a user's server does, and request
the application's page through its Unix socket. Record the applications that answer."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...base import progress
from ...base.errors import BadInput, Problem
from ...base.files import write_atomic
from ...base.run_program import identity
from ...contracts.applications import application_settings, record_path
from ...session.applications import MODULE, arguments, digest, read_tested
from ...site import Site
from .. import result_table
from ..result_table import Row

ACCOUNT = "nobody"
"""The account that runs applications in the test if root owns the prefix."""
BASE_URL = "/user/test/app-test/"
LINES = 12  # the last lines of an application's output, which are shown if the application fails


def check_applications(site: Site, keys: tuple[str, ...]) -> int:
    """Test the applications with the keys `keys`, or all applications if `keys` is empty. Returns 1
    if an application failed, otherwise 0.

    Users' servers no longer offer an application that failed. Raises BadInput if site.yml has no
    application with one of the keys.
    """
    settings = application_settings(site, site.paths.prefix).get("applications", [])
    known = [one["key"] for one in settings]
    if not known:
        where = "server.applications"
        raise BadInput("the site has no applications", where, "add them to the site file")
    for key in keys:
        if key not in known:
            what = f"there is no application '{key}'"
            raise BadInput(what, "APPLICATION", f"name one of: {', '.join(known)}")
    python = site.current / "bin/python"
    if not python.exists():
        remedy = "run: make setup_conda install_all"
        raise Problem("there is no release that starts applications", str(site.current), remedy)
    wanted = [one for one in settings if not keys or one["key"] in keys]
    rows = [_row(site, one, str(python)) for one in wanted]
    passed = {row.id for row in rows if row.status == "proven"}
    _record(site, settings, {one["key"] for one in wanted}, passed)
    result_table.show(rows)
    return int(len(passed) < len(rows))


def _record(site: Site, settings: list[dict[str, Any]], tested: set[str], passed: set[str]) -> None:
    """Write the digests of the applications that work. `tested` has the keys of the applications
    that were tested now, and `passed` has the keys of those that work. An application that was not
    tested now keeps the digest of its earlier test."""
    path = record_path(site.paths.prefix)
    before = read_tested(str(path))
    kept = {key: value for key, value in before.items() if key not in tested}
    kept |= {one["key"]: digest(one) for one in settings if one["key"] in passed}
    write_atomic(path, json.dumps(kept, indent=1) + "\n")
    path.chmod(0o644)


def _row(site: Site, one: dict[str, Any], python: str) -> Row:
    began = time.monotonic()
    with progress.step(f"Starting {one['key']}", total=1) as step:
        try:
            status = started(site, one, python)
        except Problem as why:
            step.done("failed")
            return Row("FAILED", one["key"], one["title"], "", why.what, counts=True)
        took = f"answered {status} after {time.monotonic() - began:.1f} s"
        step.done(took)
    return Row("proven", one["key"], one["title"], took)


def started(site: Site, one: dict[str, Any], python: str) -> int:
    """Start the application, and return the HTTP status of its first answer. If the application
    does not answer, raise Problem with the application's output."""
    account = ACCOUNT if os.geteuid() == 0 else None
    with private_folder(account) as folder, tempfile.TemporaryFile() as output:
        address = str(folder / "a-0")
        process = subprocess.Popen(
            [python, "-I", "-m", MODULE, *arguments(one, address, BASE_URL)],
            env=_environment(site, folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **identity(account),
        )
        try:
            return _answer(process, address, BASE_URL if one["keep_path"] else "/", one["timeout"])
        except Problem as why:
            output.seek(0)
            said = output.read().decode(errors="replace").splitlines()[-LINES:]
            raise Problem("\n".join([why.what, *said])) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def private_folder(account: str | None) -> Iterator[Path]:
    """Create a folder with mode 0700, yield its path, and remove the folder after the `with` block.
    During the test, this folder replaces the account's home."""
    with tempfile.TemporaryDirectory(prefix="sitekit-app-") as name:
        if account:
            entry = pwd.getpwnam(account)
            os.chown(name, entry.pw_uid, entry.pw_gid)
        yield Path(name)


def _environment(site: Site, home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "TMPDIR": str(home),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "MODULEPATH": ":".join(map(str, site.kernels.modulepath)),
        "LMOD_CMD": f"{site.kernels.lmod}/libexec/lmod",
        "LMOD_PKG": str(site.kernels.lmod),
        "JUPYTERHUB_SERVICE_PREFIX": "/user/test/",
    }


def _answer(process: subprocess.Popen[bytes], address: str, path: str, timeout: int) -> int:
    """Send requests until the application answers with an HTTP status below 500, and return this
    status. Raises Problem if the application ends, or does not answer within `timeout` seconds."""
    end, last = time.monotonic() + timeout, "does not listen on its socket"
    while time.monotonic() < end:
        if (code := process.poll()) is not None:
            raise Problem(f"it ended with exit code {code} before it answered")
        with suppress(OSError, http.client.HTTPException):
            status = requested(address, path)
            if status < 500:
                return status
            last = f"answers with {status}"
        time.sleep(0.2)
    raise Problem(f"after {timeout} s it {last}")


def requested(address: str, path: str) -> int:
    """Send a GET request through a Unix socket, and return the HTTP status. Raises OSError or
    HTTPException if the application does not answer."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(10)
        connection.sock.connect(address)
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
