"""Whose listener a port has, from the kernel's own tables; and what passes to a program behind the
server's proxy."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitekit.session.http_requests import connect_only_to_own_ports, strip_proxied_credentials
from sitekit.session.http_requests.connect_only_to_own_ports import LISTEN, Row

NOBODY = ("0.0.0.0", 0)  # noqa: S104
OURS, THEIRS = os.getuid(), os.getuid() + 1


def row(address: str, uid: int, port: int = 80) -> Row:
    return Row((address, port), NOBODY, LISTEN, uid, 7)


@contextmanager
def listener(address: str = "127.0.0.1", family: int = socket.AF_INET) -> Iterator[socket.socket]:
    with socket.socket(family) as one:
        one.bind((address, 0))
        one.listen(5)
        yield one


def connect(port: int) -> socket.socket:
    return asyncio.run(connect_only_to_own_ports.connected(port))


@pytest.mark.parametrize(
    ("address", "family"), [("127.0.0.1", socket.AF_INET), ("0.0.0.0", socket.AF_INET), ("::1", socket.AF_INET6)]  # noqa: S104
)  # fmt: skip
def test_our_own_listener_is_reached(address: str, family: int) -> None:
    with listener(address, family) as one, connect(one.getsockname()[1]) as line:
        line.setblocking(True)
        other, _ = one.accept()
        other.sendall(b"hello")
        other.close()
        assert line.recv(5) == b"hello"


def test_a_port_without_a_listener_of_ours_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listener() as one:
        port = one.getsockname()[1]
        uid = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: uid + 1)
        with pytest.raises(connect_only_to_own_ports.NotOurs, match="another user"):
            connect(port)
        one.settimeout(0.2)
        with pytest.raises(TimeoutError):
            one.accept()
    monkeypatch.undo()
    with pytest.raises(connect_only_to_own_ports.NotOurs, match="no program of yours"):
        connect(port)


def test_a_listener_that_changes_hands_in_between_gets_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before the connection it is ours by the table; afterwards another's."""
    with listener() as one:
        port = one.getsockname()[1]
        told = [[row("127.0.0.1", OURS, port)], [row("127.0.0.1", THEIRS, port)], []]
        monkeypatch.setattr(connect_only_to_own_ports, "table", lambda: told.pop(0))
        with pytest.raises(connect_only_to_own_ports.NotOurs, match="another user"):
            connect(port)
        other, _ = one.accept()
        assert other.recv(1) == b""
        other.close()


def test_who_has_accepted_a_connection_counts_more_than_who_listens_now() -> None:
    ours, theirs = ("127.0.0.1", 5000), ("127.0.0.1", 80)
    waiting = Row(theirs, ours, connect_only_to_own_ports.ESTABLISHED, 0, 0)
    taken = Row(theirs, ours, connect_only_to_own_ports.ESTABLISHED, THEIRS, 12)
    assert (
        connect_only_to_own_ports.accepted_by([waiting, row("127.0.0.1", OURS)], ours, theirs)
        is None
    )
    assert (
        connect_only_to_own_ports.accepted_by([row("127.0.0.1", OURS), taken], ours, theirs)
        == THEIRS
    )


def test_which_listener_gets_a_connection() -> None:
    both = [row("127.0.0.1", OURS), row("127.0.0.2", THEIRS), row("::", THEIRS)]
    assert connect_only_to_own_ports.listening(both, "127.0.0.1", 80) == {OURS}
    assert connect_only_to_own_ports.listening(both, "::1", 80) == {THEIRS}
    assert connect_only_to_own_ports.listening([row("::", THEIRS)], "127.0.0.1", 80) == {THEIRS}
    mixed = [row("0.0.0.0", OURS), row("127.0.0.1", THEIRS)]  # noqa: S104
    assert connect_only_to_own_ports.listening(mixed, "127.0.0.1", 80) == {OURS, THEIRS}
    assert (
        connect_only_to_own_ports.listening([row("127.0.0.1", OURS, 81)], "127.0.0.1", 80) == set()
    )


def test_the_kernels_tables_are_read_with_mapped_addresses(tmp_path: Path) -> None:
    """Lines as Linux on x86-64 writes them; a mapped IPv4 address, and a connection that waits to
    be accepted."""
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    rest = "00000000:00000000 00:00000000 00000000"
    (tmp_path / "tcp").write_text(
        f"{head}   0: 0100007F:1F90 00000000:0000 0A {rest}  1001        0 44 1 0 100 0\n"
    )
    mapped, nobody = "0000000000000000FFFF00000100007F", "0" * 32
    (tmp_path / "tcp6").write_text(
        f"{head}   0: {mapped}:0050 {nobody}:0000 01 {rest}     0        0 0 1 0 100 0\n"
    )
    tables = (str(tmp_path / "tcp"), str(tmp_path / "tcp6"), str(tmp_path / "none"))
    assert connect_only_to_own_ports.table(tables) == [
        Row(("127.0.0.1", 8080), ("0.0.0.0", 0), "0A", 1001, 44),  # noqa: S104
        Row(("127.0.0.1", 80), ("::", 0), "01", 0, 0),
    ]


class Headers(dict[str, str]):
    """As much of tornado's HTTPHeaders as is used."""

    def get_list(self, name: str) -> list[str]:
        return self[name].split("\n") if name in self else []

    def add(self, name: str, value: str) -> None:
        self[name] = "\n".join([*self.get_list(name), value])


KEPT_BACK = [
    "jupyterhub-session-id",
    "jupyterhub-user-alice",
    "jupyterhub-hub-login",
    "_xsrf",
    "sitekit-alice",
]
KEPT_BACK += [
    "__Host-jupyterhub-session-id",
    "__Host-_xsrf",
    "username-hub-example-org",
    "_shibsession_64",
    "JUPYTERHUB-x",
]
KEPT_BACK += ["mod_auth_openidc_session"]


@given(st.permutations([*KEPT_BACK, "theme", "dash-session"]))
def test_no_cookie_of_the_hubs_passes(names: list[str]) -> None:
    sent = Headers({"Cookie": "; ".join(f"{name}=v=1" for name in names), "X-XSRFToken": "x"})
    cleaned = strip_proxied_credentials.cleaned_request(sent, by_token=False)
    assert set(cleaned["Cookie"].split("; ")) == {"theme=v=1", "dash-session=v=1"}
    assert "X-XSRFToken" not in cleaned
    assert "Cookie" not in strip_proxied_credentials.cleaned_request(
        Headers({"Cookie": "_xsrf=1"}), by_token=False
    )


@pytest.mark.parametrize(
    ("given_as", "by_token", "passes"),
    [("token abc", True, False), ("Bearer abc", True, False), ("token abc", False, False), ("Bearer own", False, True),
     ("Basic own", False, True)],
)  # fmt: skip
def test_no_token_of_the_hubs_passes(given_as: str, by_token: bool, passes: bool) -> None:
    sent = Headers(
        {"Authorization": given_as, "Referer": "https://hub/user/a/proxy/1/?token=abc&x=1"}
    )
    cleaned = strip_proxied_credentials.cleaned_request(sent, by_token)
    assert ("Authorization" in cleaned) is passes
    assert cleaned["Referer"] == "https://hub/user/a/proxy/1/?x=1"


def test_the_query_passes_as_it_is_but_for_the_token() -> None:
    assert (
        strip_proxied_credentials.without_token("http://localhost:1/a?b=%20c&&d")
        == "http://localhost:1/a?b=%20c&&d"
    )
    assert (
        strip_proxied_credentials.without_token("http://localhost:1/a?x=1&to%6ben=s&y=")
        == "http://localhost:1/a?x=1&y="
    )


CONTEXT = "/user/alice/proxy/8050"


@pytest.mark.parametrize(
    ("cookie", "passed"),
    [
        ("a=1", f"a=1; Path={CONTEXT}"),
        ("a=1; Path=/; HttpOnly", f"a=1; Path={CONTEXT}; HttpOnly"),
        ("a=1; path=/hub/; Domain=example.org; Secure", f"a=1; Path={CONTEXT}; Secure"),
        (f"a=1; Path={CONTEXT}/b", f"a=1; Path={CONTEXT}/b"),
        (f"a=1; Path={CONTEXT}/../../hub", f"a=1; Path={CONTEXT}"),
        (f"a=1; Path={CONTEXT}9", f"a=1; Path={CONTEXT}"),
        ("_xsrf=1; Path=/user/alice/", None),
        ("jupyterhub-session-id=1; Path=/", None),
        ("__Host-a=1; Path=/; Secure", None),
        ("sitekit-alice=1", None),
        ("=jupyterhub-session-id=1; Path=/", None),
        ("nothing", None),
    ],
)
def test_a_program_sets_cookies_for_its_own_path_alone(cookie: str, passed: str | None) -> None:
    assert strip_proxied_credentials.for_path(cookie, CONTEXT) == passed


def test_an_answer_loses_what_would_reach_other_pages() -> None:
    headers = Headers({"Clear-Site-Data": '"*"', "Service-Worker-Allowed": "/", "X-App": "1"})
    headers.add("Set-Cookie", "a=1")
    headers.add("Set-Cookie", "_xsrf=2")
    strip_proxied_credentials.clean_answer(headers, CONTEXT)
    assert headers == {"X-App": "1", "Set-Cookie": f"a=1; Path={CONTEXT}"}
