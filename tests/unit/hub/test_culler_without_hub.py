"""The release's culler logs one line, and no traceback, while the hub does not answer; with an error
in its configuration, it ends; without a configuration, it stops no server."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import kernel_site
import pytest
from session_parts import until

from sitekit.base.data_files import data
from sitekit.hub.culling import ENVIRONMENT, LONGEST_IDLE
from sitekit.site import load_site
from sitekit.site.show import dump

pytestmark = pytest.mark.usefixtures("hub_environment")
GIVEN = {**ENVIRONMENT, "JUPYTERHUB_API_TOKEN": "of-nobody"}
SAID = "The culler stopped no idle server: a request to the hub failed: "


@pytest.fixture
def killed_hub() -> Iterator[int]:
    """The port of a hub that reads each request, and closes the connection without an answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=read_and_close, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)


def read_and_close(listener: socket.socket) -> None:
    with suppress(OSError):  # the listener is closed at the end
        while True:
            connection, _ = listener.accept()
            with connection, suppress(ConnectionError):
                connection.recv(65_536)


@pytest.fixture
def command(tmp_path: Path, killed_hub: int) -> list[str | Path]:
    """The culler's command, with culler_config.py and site.yml in `tmp_path`."""
    site = load_site(data("config/sites/demo.yml"))
    nowhere = site.paths.model_copy(update={"state": tmp_path, "etc": tmp_path})
    (tmp_path / "site.yml").write_text(dump(site.model_copy(update={"paths": nowhere})))
    config = tmp_path / "culler_config.py"
    often = "c.IdleCuller.cull_every = 1\n"
    config.write_text(data("config/culler_config.py").read_text() + often)
    python = [kernel_site.release() / "bin/python", "-I", "-m", "jupyterhub_idle_culler"]
    return [*python, f"--url=http://127.0.0.1:{killed_hub}/hub/api", f"--config={config}"]


def test_each_failed_check_is_one_line(command: list[str | Path], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        culler = subprocess.Popen(
            command, env=GIVEN, cwd=tmp_path, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: log.read_text().count(SAID) >= 2, log.read_text)
        said = log.read_text()  # what it prints while it is ended does not count
        assert culler.poll() is None, "the culler tries again"
    finally:
        culler.terminate()
        culler.wait(120)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "fault", ["raise OSError('no site file')", "import sitekit.no_such_module"]
)
def test_an_error_in_the_configuration_ends_the_culler(
    command: list[str | Path], tmp_path: Path, fault: str
) -> None:
    (tmp_path / "culler_config.py").write_text(fault)
    done = subprocess.run(
        command, env=GIVEN, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode != 0
    assert "culler_config.py" in done.stderr


class Hub(BaseHTTPRequestHandler):
    """A hub with one user, whose server has been idle for years."""

    requests: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        times = dict.fromkeys(("started", "last_activity"), "2020-01-01T00:00:00Z")
        server = {"name": "", "ready": True, "pending": None, "url": "/user/alice/", **times}
        alice = {"name": "alice", "admin": False, "servers": {"": server}, "pending": None, **times}
        self.requests.append(f"GET {self.path.partition('?')[0]}")
        found = [alice] if "/users" in self.path else {"version": "6.1.1"}
        self._answer(200, json.dumps(found).encode())

    def do_DELETE(self) -> None:
        self.requests.append(f"DELETE {self.path}")
        self._answer(204, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize(("limit", "stops"), [(LONGEST_IDLE, False), (600, True)])
def test_without_its_configuration_the_culler_stops_no_server(
    tmp_path: Path, limit: int, stops: bool
) -> None:
    """With ten minutes, idle-culler's own default, the same culler stops the server."""
    Hub.requests.clear()
    python = [kernel_site.release() / "bin/python", "-I", "-m", "jupyterhub_idle_culler"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as hub:
        threading.Thread(target=hub.serve_forever).start()
        url = f"--url=http://127.0.0.1:{hub.server_address[1]}/hub/api"
        missing = f"--config={tmp_path}/culler_config.py"
        culler = subprocess.Popen(
            [*python, url, missing, f"--timeout={limit}", "--cull-every=1"], env=GIVEN, cwd=tmp_path
        )
        try:
            until(lambda: Hub.requests.count("GET /hub/api/users") >= 2, lambda: Hub.requests)
        finally:
            culler.terminate()
            culler.wait(120)
            hub.shutdown()
    assert ("DELETE /hub/api/users/alice/server" in Hub.requests) == stops
