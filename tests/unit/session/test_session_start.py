"""A server imports little until it listens, and loads the rest when it is needed."""

from __future__ import annotations

import json
import ssl
import subprocess
import tempfile
import threading
import urllib.error
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kernel_site
import pytest
import session_parts
from session_parts import SCRIPTS, session

pytestmark = pytest.mark.usefixtures("hub_environment")
PROGRAMS = Path(__file__).parent / "programs"
UNUSED = {
    *("IPython", "aiohttp", "alembic", "arrow", "git", "httpx", "nbdime", "requests"),
    *("lark", "sqlalchemy", "jupyterhub.handlers", "jupyterhub.orm"),
}
"""A server that nobody uses needs none of them. Each took more than 20 ms of each start."""


@pytest.fixture(scope="module")
def running(hub_environment: None) -> Iterator[tuple[Any, Counter[str]]]:
    """A server, with the modules that it had imported and the folders that it had listed when it had
    reported its port."""
    with (
        tempfile.TemporaryDirectory(prefix="sitekit-test-start-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        lists = f"import runpy; runpy.run_path({str(PROGRAMS / 'list_modules.py')!r}); "
        patch.setattr(session_parts, "RUN", lists + session_parts.RUN)
        with session(LISTED=f"{folder}/listed") as (_, server):
            yield server, Counter(Path(folder, "listed").read_text().split())


def test_what_a_server_does_not_need_is_not_imported(running: tuple[Any, Counter[str]]) -> None:
    _, modules = running
    assert {
        "jupyterlab.labapp",
        "jupyterhub.singleuser.extension",
        "notebook.app",
    } <= modules.keys()
    assert UNUSED & modules.keys() == set()


def test_the_folder_of_the_kernels_is_read_once(running: tuple[Any, Counter[str]]) -> None:
    """jupyter_client would read it again for each kernel."""
    _, listed = running
    assert [count for path, count in listed.items() if path.endswith("/kernels/kernels")] == [1]


def test_no_program_is_run_before_a_page_asks_for_it(running: tuple[Any, Counter[str]]) -> None:
    """jupyter_lsp would run npm, node and R, and jupyterlab node."""
    server, _ = running
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    assert children.split() == []


def test_nbdime_answers_the_first_request(running: tuple[Any, Counter[str]]) -> None:
    """The very first one is a stranger's, and is refused."""
    server, _ = running
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.ask("POST", "nbdime/api/isgit", {"path": "a.ipynb"}, token=None)
    assert refused.value.code == 403
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (server.home / "a.ipynb").write_text(json.dumps(notebook))
    answer = server.ask("POST", "nbdime/api/isgit", {"path": "a.ipynb"})
    assert answer == {"is_git": False}
    assert "failed to load" not in server.said()


def test_language_servers_are_searched_when_a_page_asks(running: tuple[Any, Counter[str]]) -> None:
    server, _ = running
    answer = server.ask("GET", "lsp/status")
    assert answer["version"] == 2
    assert "jedi-language-server" in answer["specs"]


@pytest.fixture
def tls_hub(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate of its own authority, which answers PUT with an error."""
    files = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", files[0], "-out", files[1]]
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=180)

    class Hub(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            self.send_response(403 if self.command == "PUT" else 200)
            self.send_header("X-JupyterHub-Version", "6.1.1")
            self.end_headers()
            self.wfile.write(f"{self.command} {self.headers['Authorization']} {body}".encode())

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files[1], files[0])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_address[1]}/hub/api", files[1]
        server.shutdown()


def test_requests_to_the_hub_are_as_with_aiohttp(tls_hub: tuple[str, Path]) -> None:
    """The last request trusts other authorities, and must not reach the hub."""
    address, authority = tls_hub
    argv = [kernel_site.release() / "bin" / "python", "-I", PROGRAMS / "ask_hub.py"]
    done = subprocess.run(
        [*argv, SCRIPTS, address, authority], capture_output=True, text=True, timeout=180
    )
    assert json.loads(done.stdout or done.stderr) == [
        [200, "6.1.1", "GET None "],
        [200, "6.1.1", "POST token t a=1"],
        [403, "6.1.1", "PUT None "],
        "HTTPClientError",
        "SSLCertVerificationError",
    ]
