"""`make certificate_check` before a real TLS server, on days of the test's choosing."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from machine_sites import demo

from sitekit.base.errors import Problem
from sitekit.contracts.internal_tls import authority, certificate_and_key
from sitekit.machine.host.target import Target
from sitekit.machine.render.certificate_authorities import internal_tls_files
from sitekit.machine.web import certificate_expiry
from sitekit.machine.web.certificate import VALID_DAYS, self_signed
from sitekit.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site whose certificate is shown on its port, once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        site = demo(
            internal_tls=False, front={"url": f"https://localhost:{server.getsockname()[1]}"}
        )
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        for path, text in zip((cert, key), self_signed(site), strict=True):
            path.write_text(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

        def serve() -> None:
            with (
                suppress(OSError),  # if nothing but the end of the test connects
                server.accept()[0] as plain,
                context.wrap_socket(plain, server_side=True) as tls,
            ):
                tls.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield site
        socket.create_connection(server.getsockname()).close()
        thread.join(60)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (VALID_DAYS, ""),
        (22, ""),
        (20, "lasts 20.0 more days"),
        (-1, "its certificate is out of date"),
    ],
)
def test_three_weeks_before_the_end_it_fails(
    site: Site, monkeypatch: pytest.MonkeyPatch, left: int, said: str
) -> None:
    day = time.time() + (VALID_DAYS - left) * certificate_expiry.DAY
    monkeypatch.setattr(certificate_expiry, "time", SimpleNamespace(time=lambda: day))
    if said:
        with pytest.raises(Problem, match=said) as told:
            certificate_expiry.certificate_check(site)
        assert "sudo make apply" in str(told.value)
    else:
        assert certificate_expiry.certificate_check(site) == 0


def test_a_web_server_that_is_down_is_said_so() -> None:
    with pytest.raises(Problem, match="no certificate is shown"):
        certificate_expiry.certificate_check(demo(front={"url": "https://localhost:1"}))


def test_the_certificate_of_internal_tls_is_looked_at_as_well(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The proxy's, which it shows at the port of its API. A client without a certificate sees it
    too."""
    files = internal_tls_files(Target(site, tmp_path))
    shows, known = tmp_path / "proxy.pem", tmp_path / "ca.pem"
    shows.write_text(files[certificate_and_key(site, "proxy")].content)
    known.write_text(files[authority(site, "services")].content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shows)
    context.load_verify_locations(known)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with (
                suppress(OSError),
                server.accept()[0] as plain,
                context.wrap_socket(plain, server_side=True),
            ):
                pass

        port = server.getsockname()[1]
        both = site.model_copy(
            update={"internal_tls": True, "proxy": site.proxy.model_copy(update={"api_port": port})}
        )
        threading.Thread(target=serve, daemon=True).start()
        assert certificate_expiry.certificate_check(both) == 0
        assert "the proxy (internal TLS) lasts 182" in capsys.readouterr().out


def test_internal_tls_ends_with_a_problem(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy's certificate is looked at on a later day than the web server's."""
    monkeypatch.setattr(certificate_expiry, "shown", lambda port, name=None: self_signed(site)[0])
    days = iter([time.time(), time.time() + (VALID_DAYS - 20) * certificate_expiry.DAY])
    monkeypatch.setattr(certificate_expiry, "time", SimpleNamespace(time=lambda: next(days)))
    with pytest.raises(Problem, match=r"lasts 20\.0 more days") as told:
        certificate_expiry.certificate_check(site.model_copy(update={"internal_tls": True}))
    assert "the proxy" in str(told.value) and "sudo make apply" in str(told.value)
