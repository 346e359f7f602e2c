"""The hub shows the documentation that `make docs` has built: its files, to users who are logged in,
and nothing else."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sitekit.operations.pages.build_site import docs

from ..conftest import Demo, logged_in
from ..person import Person

ADDRESS = "/hub/sitekit/docs/"
OUTSIDE = (
    "../current/bin/python", "..%2fcurrent%2fbin%2fpython", "%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
    "docs/..%2f..%2f..%2fcurrent", "%2fetc%2fpasswd", "docs\\..\\..\\x", "link.html", "docs/%00.html",
    "documentation-of-sitekit", "_static", "folder.html", "nothing.html", "linked/users.html",
)  # fmt: skip


@pytest.fixture(scope="module")
def built(demo: Demo) -> Iterator[Path]:
    """The documentation in the demo's prefix, beside two links and a folder that is no page."""
    assert docs(demo.site) == 0
    folder = demo.site.docs
    (folder / "link.html").symlink_to("/etc/passwd")
    (folder / "linked").symlink_to("/etc")
    (folder / "folder.html").mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def alice(demo: Demo, built: Path) -> Iterator[Person]:
    with logged_in(demo, "alice") as person:
        yield person


def sent_as_written(demo: Demo, path: str, cookies: httpx.Cookies) -> bytes:
    """The hub's answer to a path that a client library would have changed before."""
    port = demo.site.front.port
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    cookie = "; ".join(
        f"{one.name}={one.value}" for one in cookies.jar if one.path in ("/", "/hub/")
    )
    lines = (f"Host: {demo.site.front.host}:{port}", f"Cookie: {cookie}", "Connection: close")
    request = "\r\n".join((f"GET {path} HTTP/1.1", *lines, "", ""))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=90) as plain,
        context.wrap_socket(plain, server_hostname=demo.site.front.host) as connection,
    ):
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_pages_have_their_types_and_a_strict_policy(alice: Person, built: Path) -> None:
    for name, kind in {
        "": "text/html; charset=utf-8",
        "docs/users.html": "text/html; charset=utf-8",
        "_static/sitekit.css": "text/css; charset=utf-8",
        "_static/doctools.js": "text/javascript; charset=utf-8",
        "_images/form.png": "image/png",
    }.items():
        answer = alice.http.get(ADDRESS + name)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind), name
        assert answer.headers["x-content-type-options"] == "nosniff"
        # the front's policy for all pages of the hub
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy and "frame-ancestors" in policy, policy
        file = built / (name or "index.html")
        assert answer.content == file.read_bytes()


def test_the_page_of_the_site_has_its_tiers(alice: Person, demo: Demo) -> None:
    text = alice.http.get(f"{ADDRESS}docs/this-site.html").text
    assert all(tier.title in text for tier in demo.site.tiers) and "Python" in text


def test_the_address_without_a_slash_leads_there(alice: Person) -> None:
    answer = alice.http.get(ADDRESS.rstrip("/"))
    assert answer.status_code == 200 and answer.url.path == ADDRESS


def test_the_home_page_has_a_link(alice: Person) -> None:
    assert f'href="{ADDRESS}docs/users.html"' in alice.http.get("/hub/home").text


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_other_file_is_shown(alice: Person, demo: Demo, path: str) -> None:
    answer = sent_as_written(demo, ADDRESS + path, alice.http.cookies)
    assert answer.split()[1] in (b"400", b"403", b"404"), answer[:200]
    assert b"root:" not in answer and b"\x7fELF" not in answer


def test_it_cannot_be_changed(alice: Person, built: Path) -> None:
    before = (built / "index.html").read_bytes()
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        headers = {"X-XSRFToken": alice.xsrf()}
        answer = alice.http.request(method, f"{ADDRESS}index.html", headers=headers)
        assert answer.status_code in (403, 405), method
    assert (built / "index.html").read_bytes() == before


def test_without_a_login_there_is_the_login_page(demo: Demo, built: Path) -> None:
    with Person("nobody", "", demo.site.front.url) as stranger:
        answer = stranger.http.get(f"{ADDRESS}docs/users.html", follow_redirects=False)
        assert answer.status_code == 302 and "/hub/login" in answer.headers["location"]


def test_a_new_build_is_shown_at_once(alice: Person, built: Path) -> None:
    """tornado remembers the hash of a file; a page that `make docs` replaced must not be the old one."""
    page = built / "docs" / "users.html"
    text = page.read_text()
    page.write_text(text + "<!-- new -->")
    try:
        first = alice.http.get(f"{ADDRESS}docs/users.html")
        assert first.text.endswith("<!-- new -->") and "etag" not in first.headers
    finally:
        page.write_text(text)


def test_without_a_build_there_is_no_link(demo: Demo, built: Path, alice: Person) -> None:
    away = built.with_name("docs.away")
    built.rename(away)
    try:
        assert 'id="documentation"' not in alice.http.get("/hub/home").text
        assert alice.http.get(ADDRESS).status_code == 404
    finally:
        away.rename(built)
