"""proxy/away.mjs in a real configurable-http-proxy: its hub is away, or one of its ports is taken."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import kernel_site
import pytest
from session_parts import free_port, until

from sitekit.base.data_files import data

pytestmark = pytest.mark.usefixtures("hub_environment")


@contextmanager
def proxy(folder: Path, port: int, api: int, hub: int) -> Iterator[subprocess.Popen[bytes]]:
    release = kernel_site.release()
    words = [f"--port={port}", f"--api-port={api}", "--ip=127.0.0.1", "--api-ip=127.0.0.1"]
    url = f"http://127.0.0.1:{hub}"
    environment = {
        "PATH": f"{release}/bin:/usr/bin:/bin",
        "NODE_OPTIONS": f"--import={data('proxy/away.mjs')}",
        "CONFIGPROXY_AUTH_TOKEN": "t",
    }
    with (folder / "said").open("wb") as said:
        words += [f"--default-target={url}", f"--error-target={url}/hub/error"]
        argv = [release / "bin/configurable-http-proxy", *words]
        program = subprocess.Popen(argv, env=environment, stdout=said, stderr=said)
    try:
        yield program
    finally:
        program.kill()
        program.wait(120)


@pytest.mark.parametrize(
    ("accept", "word"), [("text/html", "<p>JupyterHub does not answer"), ("*/*", "JupyterHub does")]
)
def test_a_hub_that_is_away_is_told_in_a_sentence(tmp_path: Path, accept: str, word: str) -> None:
    port = free_port()
    with proxy(tmp_path, port, free_port(), hub=free_port()):
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        with pytest.raises(HTTPError) as answer:
            urlopen(
                Request(f"http://127.0.0.1:{port}/hub/home", headers={"Accept": accept}),
                timeout=120,
            )
        said = answer.value.read().decode()
        assert (
            answer.value.code == 503 and word in said and "running servers are not affected" in said
        )


@pytest.mark.parametrize("taken", ["users", "api"])
def test_one_whose_port_is_taken_ends_and_can_be_started_again(tmp_path: Path, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = [other.getsockname()[1], free_port()]
        port, api = ports if taken == "users" else reversed(ports)
        with proxy(tmp_path, port, api, hub=free_port()) as program:
            assert program.wait(180) == 1, (tmp_path / "said").read_text()
    assert "EADDRINUSE" in (tmp_path / "said").read_text()
