"""`make certificate_check` before a real TLS server, on days of the test's choosing."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from machine_sites import demo

from sitekit.errors import Problem
from sitekit.fronts import expiry
from sitekit.fronts.certificate import VALID_DAYS, self_signed
from sitekit.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site whose certificate is shown on its port, once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        site = demo(front={"url": f"https://localhost:{server.getsockname()[1]}"})
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        for path, text in zip((cert, key), self_signed(site), strict=True):
            path.write_text(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

        def serve() -> None:
            with server.accept()[0] as plain, context.wrap_socket(plain, server_side=True) as tls:
                tls.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield site


@pytest.mark.parametrize(
    ("left", "said"),
    [(VALID_DAYS, ""), (22, ""), (20, "lasts 20.0 more days"), (-1, "its certificate is out of date")],
)
def test_three_weeks_before_the_end_it_fails(site: Site, monkeypatch: pytest.MonkeyPatch, left: int, said: str) -> None:
    day = time.time() + (VALID_DAYS - left) * expiry.DAY
    monkeypatch.setattr(expiry, "time", SimpleNamespace(time=lambda: day))
    if said:
        with pytest.raises(Problem, match=said) as told:
            expiry.certificate_check(site)
        assert "sudo make apply" in str(told.value)
    else:
        assert expiry.certificate_check(site) == 0


def test_a_web_server_that_is_down_is_said_so() -> None:
    with pytest.raises(Problem, match="no certificate is shown"):
        expiry.certificate_check(demo(front={"url": "https://localhost:1"}))
