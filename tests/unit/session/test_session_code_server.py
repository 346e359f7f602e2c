"""VS Code as a site's application: the real code-server behind a user's server, on a Unix socket."""

from __future__ import annotations

import json
import stat
from contextlib import closing
from pathlib import Path

import pytest
import websocket
from code_server import install_code_server
from session_parts import USER_TOKEN, session
from test_session_applications import page

from sitekit.session import applications

OPTIONS = ["--auth=none", "--disable-telemetry", "--disable-update-check"]


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_code_server_answers_on_its_socket(tmp_path: Path, hub_environment: None) -> None:
    sockets = ["--socket={socket}", "--socket-mode=600"]
    one = {
        **{"key": "code", "title": "VS Code", "modules": [], "icon": "", "timeout": 600},
        "command": [*install_code_server(tmp_path), *OPTIONS, *sockets],
        "keep_path": False,
    }
    tested = tmp_path / "applications.json"
    tested.write_text(json.dumps({"code": applications.digest(one)}))
    settings = {"applications": [one], "tested_applications": str(tested)}
    with session(settings) as (_, server):
        assert "vscode-workbench-web-configuration" in page(server, "app-code/")
        assert json.loads(page(server, "app-code/healthz"))["status"] in ("alive", "expired")
        [socket] = server.tmp.glob("jupyter-*/a-*")
        assert stat.S_ISSOCK(socket.stat().st_mode)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        workbench = f"ws://127.0.0.1:{server.port}/user/u/app-code/?skipWebSocketFrames=false"
        header = {"Authorization": f"token {USER_TOKEN}"}
        with closing(websocket.create_connection(workbench, header=header, timeout=60)) as opened:
            assert opened.connected
