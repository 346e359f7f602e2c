"""The certificates of internal TLS: who signs for whom, how long they are kept, and what each is
good for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from machine_sites import demo

from sitekit.base.run_program import run
from sitekit.contracts.internal_tls import (
    SUFFIX,
    authority,
    authority_key,
    certificate_and_key,
    name_of,
    tag_in,
)
from sitekit.machine.host.file_to_write import File
from sitekit.machine.host.target import Target
from sitekit.machine.render import certificate_authorities
from sitekit.machine.render.certificate_authorities import internal_tls_files, internal_tls_paths
from sitekit.machine.render.machine_secrets import renewed_files

SITE = demo(hub={"address": "hub.cluster.example"})
Files = dict[Path, File]


def put(root: Path, files: Files) -> None:
    for path, file in files.items():
        real = root / path.relative_to("/")
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_text(file.content)


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Files]:
    """A machine on which they were made, and what was made."""
    files = internal_tls_files(Target(SITE, tmp_path))
    put(tmp_path, files)
    return tmp_path, files


def changed(before: Files, after: Files) -> set[str]:
    assert before.keys() == after.keys() == internal_tls_paths(SITE)
    return {path.name for path in after if before[path].content != after[path].content}


def test_what_serves_is_kept(machine: tuple[Path, Files]) -> None:
    root, made = machine
    assert internal_tls_files(Target(SITE, root)) == made


def test_whose_each_is(machine: tuple[Path, Files]) -> None:
    _, made = machine
    hub, proxy = SITE.hub.user, SITE.proxy.user
    assert {path.name: (file.owner, oct(file.mode)) for path, file in made.items()} == {
        "services-ca.pem": ("root", "0o644"),
        "services-ca.key": ("root", "0o400"),
        "servers-ca.pem": ("root", "0o644"),
        "servers-ca.key": (hub, "0o400"),
        "hub.pem": (hub, "0o400"),
        "culler.pem": (hub, "0o400"),
        "proxy.pem": (proxy, "0o400"),
        "front.pem": ("root", "0o400"),
    }


PAIRS = {"hub.pem", "proxy.pem", "front.pem", "culler.pem"}
LOST = {
    "the hub's": (lambda root: at(root, certificate_and_key(SITE, "hub")).unlink(), PAIRS),
    "half of the proxy's": (lambda root: halve(at(root, certificate_and_key(SITE, "proxy"))), PAIRS),
    "a key": (lambda root: at(root, authority_key(SITE, "servers")).write_text("no key"), {
        "servers-ca.pem", "servers-ca.key", *PAIRS,
    }),
    "an authority": (lambda root: at(root, authority(SITE, "services")).unlink(), {
        "services-ca.pem", "services-ca.key", *PAIRS,
    }),
}  # fmt: skip


def at(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def halve(path: Path) -> None:
    path.write_text(path.read_text()[: path.stat().st_size // 2])


@pytest.mark.parametrize("lost", LOST)
def test_what_is_lost_is_made_again_with_what_hangs_on_it(
    machine: tuple[Path, Files], lost: str
) -> None:
    root, made = machine
    lose, new = LOST[lost]
    lose(root)
    assert changed(made, internal_tls_files(Target(SITE, root))) == new


@pytest.mark.parametrize(
    ("days", "new"),
    [
        (0, set()),
        (4 * 365 - 2, set()),
        (4 * 365 + 2, PAIRS),
        (
            24 * 365 + 2,
            {"services-ca.pem", "services-ca.key", "servers-ca.pem", "servers-ca.key", *PAIRS},
        ),
    ],
)
def test_they_are_renewed_long_before_their_end(
    machine: tuple[Path, Files], monkeypatch: pytest.MonkeyPatch, days: int, new: set[str]
) -> None:
    root, made = machine
    now = certificate_authorities.time.time() + days * 86400
    monkeypatch.setattr(certificate_authorities.time, "time", lambda: now)
    assert changed(made, internal_tls_files(Target(SITE, root))) == new


def test_a_hub_at_another_address_gets_another_certificate(machine: tuple[Path, Files]) -> None:
    root, made = machine
    for address in ("10.1.0.5", "fd00::5", "other.cluster.example"):
        moved = Target(
            SITE.model_copy(update={"hub": SITE.hub.model_copy(update={"address": address})}), root
        )
        assert changed(made, internal_tls_files(moved)) == PAIRS, address


def test_new_secrets_are_new_pairs_of_the_same_authorities(machine: tuple[Path, Files]) -> None:
    """So that servers that run still know hub and proxy."""
    root, made = machine
    new = renewed_files(Target(SITE, root))
    assert changed(made, {path: new[path] for path in made}) == PAIRS


def verified(made: Files, folder: Path, by: str, whose: str, *how: str) -> bool:
    put(folder, made)
    ca, cert = at(folder, authority(SITE, by)), at(folder, certificate_and_key(SITE, whose))
    done = subprocess.run(["openssl", "verify", *how, "-CAfile", ca, cert], capture_output=True)
    return done.returncode == 0


def test_who_is_taken_for_what(machine: tuple[Path, Files], tmp_path: Path) -> None:
    _, made = machine
    server, client = ("-purpose", "sslserver"), ("-purpose", "sslclient")
    as_hub = ("-verify_hostname", "hub.cluster.example")
    assert verified(made, tmp_path, "services", "hub", *server, *as_hub)
    assert verified(made, tmp_path, "services", "hub", *client)
    assert verified(made, tmp_path, "services", "proxy", *server, "-verify_ip", "127.0.0.1")
    assert verified(made, tmp_path, "servers", "culler", *client)
    assert not verified(made, tmp_path, "services", "proxy", *server, *as_hub)
    assert not verified(made, tmp_path, "services", "culler", *client), (
        "servers would answer the culler"
    )
    assert not verified(made, tmp_path, "servers", "culler", *server), (
        "the culler would pass for a server"
    )
    assert not verified(made, tmp_path, "servers", "hub", *server)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        (f"DNS:0123456789abcdef{SUFFIX}", True),
        ("DNS:hub.cluster.example", False),
        ("IP:127.0.0.1", False),
    ],
)
def test_who_signs_for_servers_can_sign_for_nobody_else(
    machine: tuple[Path, Files], name: str, good: bool
) -> None:
    """Whoever steals the hub's key to that authority passes for no service by it."""
    root, _ = machine
    key, cert, request, usage = (root / part for part in ("key", "cert", "request", "usage"))
    usage.write_text(f"subjectAltName={name}\n")
    run(
        [
            "openssl",
            "req",
            "-new",
            *certificate_authorities.CURVE,
            "-subj",
            "/CN=x",
            "-keyout",
            key,
            "-out",
            request,
        ]
    )
    ca = at(root, authority(SITE, "servers"))
    signer = ["-CA", ca, "-CAkey", at(root, authority_key(SITE, "servers")), "-set_serial", "1"]
    run(["openssl", "x509", "-req", "-in", request, *signer, "-extfile", usage, "-out", cert])
    done = subprocess.run(
        ["openssl", "verify", "-CAfile", ca, cert], capture_output=True, text=True
    )
    assert (done.returncode == 0) == good, done.stderr


def test_the_name_of_a_server() -> None:
    assert tag_in(name_of("0123456789abcdef")) == "0123456789abcdef"
    assert (
        tag_in("server.internal")
        is tag_in("127.0.0.1")
        is tag_in("x.server.internal.example")
        is None
    )
