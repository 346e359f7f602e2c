"""TLS as scanners see it: no weak protocol, cipher, group or header, from neither web server."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.site import Site

from .conftest import a_site, backend, free_port, install, running


@pytest.fixture(scope="module", params=["apache", "nginx"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A site that is not on localhost, so that it has all a real one has."""
    site = a_site(request.param, url=f"https://hub.test:{free_port()}")
    with backend(site), running(site, tmp_path_factory.mktemp("tls")):
        yield site


def test_sslscan_finds_nothing_weak(site: Site) -> None:
    install("sslscan")
    words = [
        "sslscan",
        "--no-colour",
        "--timeout=60",
        "--sni-name=hub.test",
        "--show-sigs",
        "--xml=-",
        f"127.0.0.1:{site.front.port}",
    ]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    scan = ElementTree.fromstring(told)  # noqa: S314  (a program of this host's)
    on = {
        f"{row.get('type')}{row.get('version')}"
        for row in scan.iter("protocol")
        if row.get("enabled") == "1"
    }
    assert on == {"tls1.2", "tls1.3"}
    ciphers = [row.get("cipher") for row in scan.iter("cipher")]
    assert len(ciphers) >= 6
    for cipher in ciphers:
        assert cipher.startswith(("TLS_AES", "TLS_CHACHA20", "ECDHE-")), cipher
        assert cipher.endswith(
            ("GCM-SHA256", "GCM-SHA384", "GCM_SHA256", "GCM_SHA384", "POLY1305", "POLY1305_SHA256")
        )
    assert all(row.get("vulnerable") == "0" for row in scan.iter("heartbleed"))
    assert all(row.get("supported") == "0" for row in scan.iter("compression"))
    assert all(
        row.get("secure") == "1" or row.get("supported") == "0"
        for row in scan.iter("renegotiation")
    )
    assert min(int(row.get("bits")) for row in scan.iter("group")) >= 112
    signatures = [row.get("name").lower() for row in scan.iter("connection-signature-algorithm")]
    assert signatures and not [name for name in signatures if "sha1" in name]


# Of the certificate, which here is the test's own, and of the scanner's own limits.
NOT_OURS = ("cert_", "DNS_", "engine_problem", "RC4", "scanProblem")


@pytest.mark.soak
def test_testssl_has_nothing_to_complain_of(site: Site, tmp_path: Path) -> None:
    install("testssl.sh")
    report = tmp_path / "report.json"
    url = f"https://hub.test:{site.front.port}/hub/login"
    words = [
        "testssl",
        "--quiet",
        "--color",
        "0",
        "--warnings",
        "off",
        "--jsonfile",
        report,
        "--ip",
        "127.0.0.1",
    ]
    subprocess.run([*words, url], capture_output=True, timeout=900)
    rows = json.loads(report.read_text())
    assert len(rows) > 80, "the scan did not run to its end"
    bad = [
        row
        for row in rows
        if row["severity"] not in ("OK", "INFO") and not row["id"].startswith(NOT_OURS)
    ]
    assert not bad, bad
