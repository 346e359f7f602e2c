"""A site's application behind a user's server: a real web application that listens on a Unix socket.

The application is supervisord, which each release has. Its web page is served by its own HTTP
server on the socket of its configuration file.
"""

from __future__ import annotations

import json
import os
import stat
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import kernel_site
import pytest
from session_parts import USER_TOKEN, Server, session

from sitekit.session import applications, start_application

CONFIG = """[unix_http_server]
file=%(ENV_APP_SOCKET)s
[supervisord]
nodaemon=true
logfile={folder}/log
pidfile={folder}/pid
identifier=tasks
"""


def supervisord(folder: Path) -> dict[str, Any]:
    """The settings of the application, as gate.json has them."""
    config = folder / "supervisord.conf"
    config.write_text(CONFIG.format(folder=folder))
    program = kernel_site.release() / "bin" / "supervisord"
    run = f'APP_SOCKET="$1" exec {program} -c {config}'
    return {
        "key": "tasks",
        "title": "Tasks",
        "command": ["/bin/sh", "-c", run, "sh", "{socket}"],
        "modules": [],
        "icon": "",
        "timeout": 240,
        "keep_path": False,
    }


def page(server: Server, path: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/user/u/{path}")
    request.add_header("Authorization", f"token {USER_TOKEN}")
    with urllib.request.urlopen(request, timeout=180) as answer:  # noqa: S310
        return answer.read().decode()


def test_an_application_answers_on_a_socket_that_its_user_alone_can_reach(
    hub_environment: None, tmp_path: Path
) -> None:
    tested = tmp_path / "applications.json"
    one = supervisord(tmp_path)
    changed = {**one, "key": "changed", "title": "Changed"}
    tested.write_text(json.dumps({"tasks": applications.digest(one), "changed": "of before"}))
    settings = {"applications": [changed, one], "tested_applications": str(tested)}
    with session(settings) as (_, server):
        assert "Supervisor Status" in page(server, "app-tasks/")
        [socket] = (server.tmp).glob("jupyter-*/a-1")
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert stat.S_ISSOCK(socket.stat().st_mode)
        told = server.ask("GET", "server-proxy/servers-info")["server_processes"]
        assert [entry["name"] for entry in told] == ["app-tasks"]
        assert told[0]["launcher_entry"]["title"] == "Tasks"
        with pytest.raises(urllib.error.HTTPError) as refused:
            page(server, "app-changed/")
        assert refused.value.code == 404
        assert "application changed was not tested with these settings" in server.said()


def test_the_command_is_filled_in_and_braces_of_its_own_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = {
        "key": "a",
        "title": "A",
        "command": ["run", "--at={socket}", "--url={base_url}", "{x}"],
        "modules": ["m/1", "n"],
        "icon": "/i.svg",
        "timeout": 5,
        "keep_path": True,
    }
    entry = applications.entry(one, "/run/s", "/user/u/app-a/")
    filled = [word.format(port=1, unix_socket="/no", base_url="/no") for word in entry["command"]]
    words = ["/run/s", "m/1:n", "run", "--at=/run/s", "--url=/user/u/app-a/", "{x}"]
    assert filled[-6:] == words and entry["unix_socket"] == "/run/s" and entry["absolute_url"]
    assert entry["launcher_entry"]["icon_path"] == "/i.svg"


def test_an_application_gets_no_token_and_nothing_of_the_servers_python() -> None:
    given = {
        "JUPYTERHUB_API_TOKEN": "x",
        "PYTHONPATH": "x",
        "LD_LIBRARY_PATH": "x",
        "JUPYTER_PATH": "x",
        "PATH": "/opt/release/bin",
        "HOME": "/home/u",
    }
    assert start_application.plain(given) == {"HOME": "/home/u", "PATH": start_application.PATH}


def test_a_module_that_does_not_load_is_told(tmp_path: Path) -> None:
    lmod = tmp_path / "lmod"
    lmod.write_text('#!/bin/sh\necho "no such module" >&2\n')
    lmod.chmod(0o755)
    with pytest.raises(SystemExit, match="module load m/1 failed: no such module"):
        start_application.with_modules(["m/1"], {"LMOD_CMD": str(lmod), "PATH": os.defpath})


def test_modules_are_loaded_before_the_command_runs(tmp_path: Path) -> None:
    lmod = tmp_path / "lmod"
    lmod.write_text('#!/bin/sh\necho \'os.environ["LOADEDMODULES"] = "m/1.2";\'\n')
    lmod.chmod(0o755)
    given = {"LMOD_CMD": str(lmod), "PATH": os.defpath}
    assert start_application.with_modules(["m"], given)["LOADEDMODULES"] == "m/1.2"
