"""Which source answers, asked of real addresses: no name, a closed port, a server without packages,
a directory."""

from __future__ import annotations

import http.server
import socket
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import release_parts as parts

from sitekit.base.errors import Problem
from sitekit.environment.bundle.unpack_bundle import read_bundle
from sitekit.environment.channel import choose_source as source
from sitekit.environment.channel.choose_source import choose_source, silence
from sitekit.environment.wheels.environment_yml import Packages
from sitekit.environment.wheels.write_conda_package import subdir, write_repodata


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, the server of a test may answer late."""
    monkeypatch.setattr(source, "ANSWER_TIMEOUT", 300)


@pytest.fixture
def closed_port() -> Iterator[str]:
    """Nobody else gets it meanwhile."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/channel"


class Server(http.server.BaseHTTPRequestHandler):
    """Answers every request with the code that its path begins with."""

    def do_GET(self) -> None:
        self.send_error(int(self.path.split("/")[1]))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_why_a_channel_is_silent(closed_port: str, server: str, tmp_path: Path) -> None:
    assert silence(closed_port) == "connection refused"
    assert silence("http://no-such-host.invalid/channel") == "name does not resolve"
    assert silence(f"{server}/404") == f"it has no packages for {subdir()}: HTTP 404"
    assert silence(f"{server}/401") == "it wants a login"
    assert silence(f"{server}/503") == "HTTP 503"
    assert (
        silence((tmp_path / "nothing").as_uri()) == "there is no such directory, or no index in it"
    )
    write_repodata(tmp_path, [])
    assert silence(tmp_path.as_uri()) is None
    assert silence(tmp_path.as_uri() + "/") is None


def test_channels_come_first(tmp_path: Path) -> None:
    write_repodata(tmp_path / "channel", [])
    assert choose_source(parts.site_at(tmp_path, tmp_path / "channel", "wheels")).kind == "channels"


def test_then_wheels_and_it_says_so(tmp_path: Path, closed_port: str) -> None:
    chosen = choose_source(parts.site_at(tmp_path, closed_port, "wheels"))
    assert chosen.kind == "wheels"
    assert chosen.told.startswith(
        f"{closed_port} did not answer (connection refused). Building a channel from PyPI wheels"
    )
    assert "not conda-forge's builds" in chosen.told


def test_or_nothing_where_the_site_says_so(tmp_path: Path, closed_port: str) -> None:
    with pytest.raises(Problem, match="connection refused") as refused:
        choose_source(parts.site_at(tmp_path, closed_port, "none"))
    assert refused.value.where == "environment.channels"
    assert "fallback: wheels" in str(refused.value)


def test_a_name_server_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    monkeypatch.setattr(source, "ANSWER_TIMEOUT", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hang.wait(600) and [])
    try:
        chosen = choose_source(parts.site_at(tmp_path, "http://channel.example.org", "wheels"))
    finally:
        hang.set()
    assert chosen.told.startswith(
        "http://channel.example.org did not answer (no answer within 0.2 s)"
    )


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE])
def test_an_archive_whose_list_of_checksums_is_no_file_is_no_bundle(
    tmp_path: Path, kind: bytes
) -> None:
    member = tarfile.TarInfo("SHA256SUMS")
    member.type, member.linkname = kind, "nowhere"
    with tarfile.open(tmp_path / "bundle.tar", "w") as archive:
        archive.addfile(member)
    with pytest.raises(Problem, match="is not a bundle made by sitekit"):
        read_bundle(tmp_path / "bundle.tar", Packages(("python",), ()), tmp_path)
