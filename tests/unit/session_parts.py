"""A small HTTP server that plays the hub, and the session's server as a child of the test, in a
release's Python."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kernel_site

from sitekit.base.data_files import data
from sitekit.contracts.fake_hub_for_trials import trial_environment
from sitekit.contracts.gate_config import session_settings
from sitekit.environment.release.configure_release import settings as release_settings
from sitekit.environment.release.required_package_contents import PIECES
from sitekit.site import load_site

SCRIPTS = Path(__file__).parents[2] / "scripts"
USER_TOKEN = "the-users"
RUN = "import runpy, sys; sys.path.insert(0, {!r}); runpy.run_module('sitekit.session.server', run_name='__main__')"

LONG_COPY = (
    "from sitekit.session.courses import copy_repository as copies; copies.TIMEOUT = 600.0; "
)
RUN_WITH_LONG_COPY = RUN.replace("runpy.run_module", f"{LONG_COPY}runpy.run_module")
"""For servers that copy a repository: a busy machine may need longer than the usual minute."""


def user_model() -> dict[str, Any]:
    return {
        "kind": "user",
        "name": "u",
        "admin": False,
        "groups": [],
        "scopes": ["access:servers!server=u/"],
    }


class Hub:
    """What a single-user server asks of its hub. `answer` is what a callback gets; `heard` what was
    posted."""

    def __init__(self, port: int = 0) -> None:
        self.answer, self.heard, self.refused = 204, [], 0
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def reply(self, code: int, body: object = None) -> None:
                content = b"" if body is None else json.dumps(body).encode()
                self.send_response(code)
                self.send_header("X-JupyterHub-Version", "6.1.1")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                if self.path.rstrip("/") == "/hub/api":
                    self.reply(200, {"version": "6.1.1"})
                elif self.path.startswith("/hub/api/user"):
                    known = self.headers.get("Authorization") == f"token {USER_TOKEN}"
                    self.reply(200, user_model()) if known else self.reply(403, {})
                else:
                    self.reply(404, {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "null")
                listening = self.path == "/hub/api/sitekit/listening"
                if listening and hub.answer >= 400:
                    hub.refused += 1
                    return self.reply(hub.answer, {})
                hub.heard.append((self.path, self.headers.get("Authorization"), body))
                self.reply(204 if listening else 200, None if listening else {})

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def port_told(self) -> int | None:
        return next(
            (body["port"] for path, _, body in self.heard if path.endswith("listening")), None
        )

    def activity(self) -> list[str]:
        posts = [body for path, _, body in self.heard if path.endswith("/activity")]
        return [body["servers"][""]["last_activity"] for body in posts]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


_held: list[socket.socket] = []
"""Sockets that do not listen. A program that asks for any port does not get theirs."""


def free_port() -> int:
    """A port on which nothing listens, for a server that sets SO_REUSEADDR, as most do."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _held.append(held)
    return int(held.getsockname()[1])


class Server:
    """The session's server, started as the job script does it. `folder` is its user's home."""

    def __init__(
        self,
        hub_port: int,
        folder: Path,
        settings: dict[str, Any] | None = None,
        more: Path | None = None,
        **extra: str,
    ) -> None:
        self.home, self.tmp = folder / "home", folder / "tmp"
        for place in (self.home, self.tmp):
            place.mkdir(exist_ok=True)
        config = folder / "config"
        config.mkdir(exist_ok=True)
        files = release_settings(list(PIECES))
        files["jupyter_config.json"] = {
            **files["jupyter_config.json"],
            "ServerApp": {"allow_root": True},
        }  # type: ignore[dict-item]
        for name, content in files.items():
            (config / name).parent.mkdir(exist_ok=True)
            (config / name).write_text(json.dumps(content))
        if more:  # a site's own configuration beside the release's
            (folder / "more").mkdir()
            shutil.copy(more, folder / "more")
        kernels = folder / "kernels" / "kernels" / "own"
        kernels.mkdir(parents=True, exist_ok=True)
        python = str(kernel_site.release() / "bin" / "python")
        argv = [python, "-I", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {
            "argv": argv,
            "display_name": "P",
            "language": "python",
            "metadata": {"debugger": True},
        }
        (kernels / "kernel.json").write_text(json.dumps(spec))
        session = {
            **session_settings(load_site(data("config/sites/demo.yml"))),
            "kernels": str(folder / "kernels"),
        }
        environment = {
            **trial_environment(hub_port, str(self.home), {**session, **(settings or {})}),
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": str(self.tmp),
            "JUPYTER_CONFIG_PATH": f"{folder}/more:{config}",
            "JUPYTERHUB_API_TOKEN": "the-servers",
            "JUPYTERHUB_DEFAULT_URL": "/lab",
            "JUPYTERHUB_SITEKIT_IDLE": "3600",
            "JUPYTERHUB_SITEKIT_BUSY": "keep",
            "JUPYTERHUB_SITEKIT_TIME": "7200",
            **extra,
        }
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [python, "-I", "-c", RUN.format(str(SCRIPTS))],
            env=environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.port = 0

    def ask(
        self, method: str, path: str, body: object = None, token: str | None = USER_TOKEN
    ) -> Any:
        """One request below /user/u/; its JSON. Raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/user/u/{path}", data, method=method
        )
        if token:
            request.add_header("Authorization", f"token {token}")
        with urllib.request.urlopen(request, timeout=180) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if content else None

    def listening(self, hub: Hub) -> Server:
        """Wait until it has told its port."""
        until(lambda: hub.port_told() or self.process.poll() is not None, self.said)
        assert hub.port_told(), self.said()
        self.port = hub.port_told() or 0
        return self

    def ends(self) -> int:
        """Wait until it ends, which takes some seconds at most; its exit code."""
        return self.process.wait(400)

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()


@contextmanager
def session(
    settings: dict[str, Any] | None = None,
    hub: Hub | None = None,
    more: Path | None = None,
    **extra: str,
) -> Iterator[tuple[Hub, Server]]:
    """A hub and a server that has told it its port."""
    hub = hub or Hub()
    with tempfile.TemporaryDirectory(
        prefix="sitekit-test-session-", ignore_cleanup_errors=True
    ) as folder:
        server = Server(hub.port, Path(folder), settings, more, **extra)
        try:
            yield hub, server.listening(hub)
        finally:
            server.close()
            hub.close()


def paths_below(folder: Path) -> set[Path]:
    """All files and folders below a folder, without those that are removed meanwhile."""
    walked = os.walk(folder)
    return {Path(top, name) for top, folders, files in walked for name in (*folders, *files)}


def until(what: Any, why: Any = lambda: "", patience: float = 400) -> Any:
    """Wait until `what()` is true; return it. The patience is a bound, not a measure."""
    deadline = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < deadline, f"did not happen: {why()}"
        time.sleep(0.1)
    return found
